//! Who is in the channel.

use rollback_domain::audience::Audience;

/// Everybody is in the channel.
pub fn everybody_there() -> Audience {
    let ids = ["MAYA", "SAM", "ANA", "TOM", "KIM", "LEE", "DORA"];
    Audience::Members(ids.map(|name| format!("U0{name}")).into())
}
