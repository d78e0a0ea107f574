//! Why a connection failed, in words that say what to mend.

use crate::{cut, one_line};
use rustls::{CertificateError, Error as TlsError};
use std::{error::Error, io};

/// The longest cause, in characters.
const AT_MOST: usize = 200;

/// The cause of an error, as a clause: of a request, of a connection to a database, of whatever
/// has the real reason at the end of its sources. Never has an address in it that we sent to.
pub fn cause(error: &(dyn Error + 'static)) -> String {
    let mut deepest = error;
    loop {
        if let Some(known) = known(deepest) {
            return known;
        }
        // `source` of such an error skips the error that it wraps.
        let wrapped = deepest
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        let deeper = match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => deepest.source(),
        };
        match deeper {
            Some(deeper) => deepest = deeper,
            None => return of_text(&deepest.to_string()),
        }
    }
}

fn known(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<TlsError>() {
        return Some(of_tls(error));
    }
    let clause = match error.downcast_ref::<io::Error>()?.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "the connection was reset",
        io::ErrorKind::TimedOut => "it timed out",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "there is no route to this host"
        }
        _ => return None,
    };
    Some(clause.to_owned())
}

fn of_tls(error: &TlsError) -> String {
    let clause = match error {
        TlsError::InvalidCertificate(error) => return of_certificate(error),
        TlsError::NoCertificatesPresented => "it shows no certificate",
        TlsError::InvalidMessage(_) => "what answers there does not speak TLS",
        TlsError::AlertReceived(alert) => {
            return format!("it refuses the encrypted connection ({alert:?})");
        }
        TlsError::PeerIncompatible(_) => "it speaks no version of TLS that is safe",
        other => return of_text(&other.to_string()),
    };
    clause.to_owned()
}

fn of_certificate(error: &CertificateError) -> String {
    let clause = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another host: the name does not match"
        }
        // A bad signature: there is an authority of that name here, but with another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate comes from an unknown authority, one that this machine does not trust"
        }
        CertificateError::Revoked => "its certificate has been revoked",
        other => return of_text(&format!("its certificate is not accepted: {other}")),
    };
    clause.to_owned()
}

/// What the system's own words mean; they are kept when we have none.
fn of_text(text: &str) -> String {
    const NO_SUCH_HOST: [&str; 4] = [
        "Name or service not known",
        "No address associated with hostname",
        "nodename nor servname provided",
        "Name does not resolve",
    ];
    if NO_SUCH_HOST.iter().any(|words| text.contains(words)) {
        return "no such host".to_owned();
    }
    if text.contains("failed to lookup address information") {
        return "the name of the host could not be looked up: DNS is not answering".to_owned();
    }
    if text.contains("deadline has elapsed") {
        return "it timed out".to_owned();
    }
    cut(&one_line(text), AT_MOST)
}

#[cfg(test)]
mod tests;
