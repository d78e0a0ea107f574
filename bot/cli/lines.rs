//! Lines from outside, none of which may be endless.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, ReadBuf};

/// Fails on a line that is longer than it may be, before it is kept anywhere.
pub(super) struct BoundedLines<R> {
    inner: R,
    at_most: usize,
    /// How much of the present line was read.
    read: usize,
}

impl<R> BoundedLines<R> {
    /// Lines of at most so many bytes.
    pub(super) fn new(inner: R, at_most: usize) -> Self {
        Self {
            inner,
            at_most,
            read: 0,
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for BoundedLines<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        let mut longest = self.read;
        for byte in &buffer.filled()[before..] {
            self.read = match byte {
                b'\n' => 0,
                _ => self.read + 1,
            };
            longest = longest.max(self.read);
        }
        match longest > self.at_most {
            false => Poll::Ready(Ok(())),
            true => {
                // A read that fails gives nothing.
                buffer.set_filled(before);
                let why = format!("a message is longer than {} bytes", self.at_most);
                Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn a_line_that_is_too_long_ends_the_reading() {
        let read = async |text: &'static str| {
            let mut read = String::new();
            let mut lines = BoundedLines::new(text.as_bytes(), 4);
            lines.read_to_string(&mut read).await.map(|_| read)
        };
        assert_eq!(read("four\nfour\n").await.unwrap(), "four\nfour\n");
        assert!(read("four\nfive5\n").await.is_err());
    }
}
