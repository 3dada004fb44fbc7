//! A connection that ends when its peer takes nothing for too long.
//!
//! While a write waits, nothing above the socket is polled: no stream can notice by itself that its
//! reader has stopped reading. `TCP_USER_TIMEOUT` says the same to the kernel, and also covers what the
//! kernel has taken and the peer has not; this holds whatever the kernel does.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Breaks with [`io::ErrorKind::TimedOut`] once a write has made no progress for `limit`.
#[derive(Debug)]
pub(super) struct WriteDeadline<T> {
    io: T,
    limit: Duration,
    /// Runs while a write waits; an idle connection has none.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<T> WriteDeadline<T> {
    pub(super) fn new(io: T, limit: Duration) -> Self {
        Self { io, limit, waiting: None }
    }

    /// Any progress ends the wait, and none for too long ends the connection.
    fn judge(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let limit = self.limit;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer has stopped reading")))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for WriteDeadline<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, parts);
        self.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket has nothing of its own to flush: what waits, waits in a write.
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for WriteDeadline<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, into)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// What fits between both ends.
    const ROOM: usize = 64;

    #[tokio::test]
    async fn a_peer_that_takes_nothing_ends_the_connection() {
        let (ours, theirs) = duplex(ROOM);
        let mut ours = WriteDeadline::new(ours, Duration::from_millis(10));
        ours.write_all(&[0; ROOM]).await.expect("what fits needs no reader");
        let error = ours.write_all(&[0]).await.expect_err("nobody makes room");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(theirs);
    }

    #[tokio::test]
    async fn a_peer_that_takes_a_little_is_waited_for() {
        let (ours, mut theirs) = duplex(ROOM);
        // So long that it can only pass if nothing is ever taken.
        let mut ours = WriteDeadline::new(ours, Duration::from_secs(600));
        let reading = tokio::spawn(async move {
            let mut taken = Vec::new();
            theirs.read_to_end(&mut taken).await.expect("the end");
            taken.len()
        });
        for _ in 0..10 {
            ours.write_all(&[0; ROOM]).await.expect("it is read");
        }
        assert!(ours.waiting.is_none(), "the wait is over once something was taken");
        drop(ours);
        assert_eq!(reading.await.expect("no panic"), 10 * ROOM);
    }
}
