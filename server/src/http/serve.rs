//! Accepting connections.
//!
//! An own loop and not `axum::serve`, because it sets what a server of long streams must set on each
//! socket: no delay for small frames, an end for a peer that takes nothing, and limits for the
//! head of a request, in size and in time.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

mod write_deadline;

use write_deadline::WriteDeadline;

/// How long a client may take to send its request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a peer may take nothing of what is sent before it is cut.
///
/// It is the longest that a reader that has stopped reading, or vanished, keeps its place. 45 s are
/// promised, and the kernel looks only every few seconds.
pub const STALLED_MAX: Duration = Duration::from_secs(40);

/// What the kernel keeps for a peer that does not read. On loopback it would let that grow to megabytes,
/// and notice the peer only behind them; a stream has a few kilobytes.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// An idle connection is probed this often, so that a peer that vanished is noticed.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The largest head of a request: browsers send the cookies of every program on this machine's
/// loopback address. An idle connection has only hyper's first 8 KiB.
const BUFFER_BYTES: usize = 64 * 1024;

/// The pause after an accept that failed for want of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a shutdown waits for open connections once their streams were told to end.
const DRAIN_MAX: Duration = Duration::from_secs(8);

/// What connections may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many there may be at once.
    pub connections_max: usize,
    /// How long a peer may take nothing of what is sent before it is cut.
    pub stalled_max: Duration,
}

/// Serves `router` on `listener` until `shutdown`, then drains.
pub async fn run(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let draining = GracefulShutdown::new();
    loop {
        // A place before a connection: beyond the limit clients wait in the kernel's queue.
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            Some((listener.accept().await, place))
        };
        let Some(Some((accepted, place))) = shutdown.run_until_cancelled(accepted).await else {
            break;
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(error = %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if let Err(error) = set_options(&stream, limits.stalled_max) {
            debug!(error = %error, "the peer is gone already");
            continue;
        }
        let stream = WriteDeadline::new(stream, limits.stalled_max);
        let service = TowerToHyperService::new(router.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(BUFFER_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let connection = draining.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                debug!(error = %error, "a connection broke");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_MAX, draining.shutdown()).await.is_err() {
        warn!("some connections did not end in time and are cut");
    }
}

fn set_options(stream: &TcpStream, stalled_max: Duration) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(stalled_max))?;
    Ok(())
}
