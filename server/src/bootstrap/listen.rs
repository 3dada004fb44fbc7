//! Taking the address that is listened on.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;

/// How long a busy address is tried again: a server that was killed frees its own within moments.
const LISTEN_PATIENCE: Duration = Duration::from_secs(2);

/// The pause between those tries.
const LISTEN_PAUSE: Duration = Duration::from_millis(100);

/// Takes the address; one that is still held by a predecessor that is just ending is tried again.
pub(super) async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let deadline = tokio::time::Instant::now() + LISTEN_PATIENCE;
    loop {
        match TcpListener::bind(address).await {
            Err(error)
                if error.kind() == std::io::ErrorKind::AddrInUse
                    && tokio::time::Instant::now() < deadline =>
            {
                tokio::time::sleep(LISTEN_PAUSE).await;
            }
            bound => return bound,
        }
    }
}
