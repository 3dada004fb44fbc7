//! A link between a server and its PostgreSQL that can be cut, go dead, and lose a reply.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What sqlx sends to commit a transaction (a simple query).
const COMMIT: &[u8] = b"COMMIT\0";

/// What sqlx sends to listen (in a simple or an extended query).
const LISTEN: &[u8] = b"LISTEN \"";

/// How the link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Up,
    /// Connections are broken, and new ones refused.
    Cut,
    /// Nothing comes through and nothing says so. A connection that has seen this stays dead.
    Dead,
}

/// The link.
#[derive(Debug)]
pub(crate) struct Proxy {
    folder: TempDir,
    upstream: PgConnectOptions,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    link: watch::Sender<Link>,
    /// The link of connections that listen, beside that.
    listening: watch::Sender<Link>,
    loses_a_commit: AtomicBool,
}

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

impl Proxy {
    /// A link to this PostgreSQL.
    pub(crate) fn new(upstream: &PgConnectOptions) -> Self {
        let shared = Shared {
            link: watch::Sender::new(Link::Up),
            listening: watch::Sender::new(Link::Up),
            loses_a_commit: AtomicBool::new(false),
        };
        let folder = tempfile::Builder::new().prefix("pg").tempdir().expect("a temporary folder");
        let mut proxy =
            Self { folder, upstream: upstream.clone(), shared: Arc::new(shared), accepting: None };
        proxy.accept();
        proxy
    }

    /// The database's address through this link.
    pub(crate) fn url(&self) -> String {
        let options = self.upstream.clone().socket(self.folder.path()).port(5432);
        options.ssl_mode(PgSslMode::Disable).to_url_lossy().to_string()
    }

    /// Breaks all connections and refuses new ones.
    pub(crate) fn cut(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
        }
        self.shared.link.send_replace(Link::Cut);
    }

    /// Lets nothing through any more, and says nothing.
    pub(crate) fn die(&self) {
        self.shared.link.send_replace(Link::Dead);
    }

    /// Breaks the connections that listen now.
    pub(crate) fn cut_listening(&self) {
        self.shared.listening.send_replace(Link::Cut);
    }

    /// Lets nothing through any more on the connections that listen now, and says nothing.
    pub(crate) fn kill_listening(&self) {
        self.shared.listening.send_replace(Link::Dead);
    }

    /// Takes new connections again.
    pub(crate) fn restore(&mut self) {
        self.shared.link.send_replace(Link::Up);
        if self.accepting.is_none() {
            self.accept();
        }
    }

    /// Lets the next COMMIT have its effect, and breaks its connection before the reply.
    pub(crate) fn lose_next_commit_reply(&self) {
        self.shared.loses_a_commit.store(true, Ordering::SeqCst);
    }

    /// Whether a COMMIT's reply is still to be lost.
    pub(crate) fn still_loses_a_commit_reply(&self) -> bool {
        self.shared.loses_a_commit.load(Ordering::SeqCst)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join(".s.PGSQL.5432")
    }

    fn accept(&mut self) {
        // There is none at first; one without a listener refuses connections.
        std::fs::remove_file(self.socket()).ok();
        let listener = UnixListener::bind(self.socket()).expect("a socket");
        let (shared, upstream) = (Arc::clone(&self.shared), self.upstream.clone());
        self.accepting = Some(tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(Arc::clone(&shared), upstream.clone(), client));
            }
        }));
    }
}

/// Carries one connection. Both sides are closed when this returns.
async fn carry(shared: Arc<Shared>, upstream: PgConnectOptions, mut client: UnixStream) {
    let mut link = shared.link.subscribe();
    if *link.borrow_and_update() == Link::Up {
        let Ok(mut server) = connect(&upstream).await else { return };
        tokio::select! {
            // An error is a side that is gone.
            _ended = exchange(&shared, &mut client, &mut *server) => return,
            _changed = link.changed() => {}
        }
        until_cut(&mut link).await;
    } else {
        until_cut(&mut link).await;
    }
}

/// Keeps a dead connection: it never lives again, also when the link is up for new ones.
async fn until_cut(link: &mut watch::Receiver<Link>) {
    // An error says that the test is over.
    drop(link.wait_for(|link| *link == Link::Cut).await);
}

async fn exchange(
    shared: &Shared,
    client: &mut UnixStream,
    server: &mut dyn Socket,
) -> std::io::Result<()> {
    let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut listens: Option<watch::Receiver<Link>> = None;
    loop {
        tokio::select! {
            link = changed(&mut listens) => match link {
                Link::Up | Link::Cut => return Ok(()),
                Link::Dead => std::future::pending().await,
            },
            read = client.read(&mut asked) => {
                let asked = asked.get(..read?).unwrap_or_default();
                if asked.is_empty() {
                    return Ok(());
                }
                server.write_all(asked).await?;
                if asked.windows(LISTEN.len()).any(|bytes| bytes == LISTEN) {
                    listens = Some(shared.listening.subscribe());
                }
                let commits = asked.windows(COMMIT.len()).any(|bytes| bytes == COMMIT);
                if commits && shared.loses_a_commit.swap(false, Ordering::SeqCst) {
                    // The reply comes when the transaction is durable.
                    let _reply = server.read(&mut answered).await?;
                    return Ok(());
                }
            }
            read = server.read(&mut answered) => {
                let answered = answered.get(..read?).unwrap_or_default();
                if answered.is_empty() {
                    return Ok(());
                }
                client.write_all(answered).await?;
            }
        }
    }
}

/// Waits until something becomes of the connections that listen, of which this may be one.
async fn changed(listens: &mut Option<watch::Receiver<Link>>) -> Link {
    let Some(link) = listens else { return std::future::pending().await };
    // An error says that the test is over.
    link.changed().await.ok();
    *link.borrow_and_update()
}

async fn connect(upstream: &PgConnectOptions) -> std::io::Result<Box<dyn Socket>> {
    Ok(match upstream.get_socket() {
        Some(folder) => {
            let socket = folder.join(format!(".s.PGSQL.{}", upstream.get_port()));
            Box::new(UnixStream::connect(socket).await?)
        }
        None => {
            let address = (upstream.get_host(), upstream.get_port());
            Box::new(TcpStream::connect(address).await?)
        }
    })
}
