//! What the benches share: percentiles and rows of the table, and readers of a stream.
//!
//! A bench never passes or fails by a time: it prints each number beside another one that was taken in
//! the same run, on the same machine, in turns with it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub mod parts;
pub mod program;

/// How long anything that must happen is waited for before the bench gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Durations of one kind.
#[derive(Debug, Default)]
pub struct Samples(Vec<Duration>);

impl Samples {
    /// Adds one.
    pub fn push(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    /// What the 50th and the 99th percentile should be at most, in milliseconds.
    pub fn aim([middle, high]: [u64; 2]) -> Self {
        // So that both percentiles are what was said.
        let middle = std::iter::repeat_n(Duration::from_millis(middle), 97);
        Self(middle.chain(std::iter::repeat_n(Duration::from_millis(high), 3)).collect())
    }

    /// The value below which so many percent of the samples lie.
    fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(at).copied().unwrap_or_default()
    }
}

impl fmt::Display for Samples {
    /// The middle and the 99th percentile, as two cells.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\t{}", cell(self.percentile(50)), cell(self.percentile(99)))
    }
}

fn cell(duration: Duration) -> String {
    let micros = duration.as_secs_f64() * 1e6;
    if micros < 50.0 { format!("{micros:.0} µs") } else { format!("{:.2} ms", micros / 1_000.0) }
}

/// One row of the table: what was measured, what beside it, and how they compare at both percentiles.
pub fn row(what: &str, measured: &Samples, beside: &str, yardstick: &Samples) -> String {
    let ratio = |percent| {
        measured.percentile(percent).as_secs_f64() / yardstick.percentile(percent).as_secs_f64()
    };
    let (middle, high) = (ratio(50), ratio(99));
    let count = measured.0.len();
    format!("{what} ({count})\t{measured}\t{beside}\t{yardstick}\t{middle:.2}, {high:.2}")
}

/// A frame that a reader has read to its end.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// The frame's number.
    pub seq: u32,
    /// When the read returned that brought its last byte.
    pub at: Instant,
}

/// Opens a stream and reads it to its end, as any HTTP client does; tells each frame with an id (and
/// each `ping`, as number 0).
///
/// # Errors
///
/// When the connection breaks, or the answer is no stream.
pub async fn read_stream(
    address: SocketAddr,
    path: &str,
    arrivals: Sender<Arrival>,
) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    // Frames have two to three kilobytes.
    let (mut unread, mut buffer) = (Vec::new(), vec![0; 4 * 1024]);
    loop {
        let count = stream.read(&mut buffer).await?;
        let at = Instant::now();
        if count == 0 {
            return Ok(());
        }
        unread.extend_from_slice(buffer.get(..count).unwrap_or_default());
        while let Some(end) = unread.windows(2).position(|pair| pair == b"\n\n") {
            let frame: Vec<u8> = unread.drain(..end + 2).collect();
            if let Some(seq) = number(&String::from_utf8_lossy(&frame)) {
                arrivals.send(Arrival { seq, at }).ok();
            }
        }
    }
}

/// The number in a frame's `id: <epoch>.<number>`; 0 of a `ping`.
fn number(frame: &str) -> Option<u32> {
    if frame.contains("event: ping\n") {
        return Some(0);
    }
    let id = frame.lines().find_map(|line| line.strip_prefix("id: "))?;
    id.rsplit_once('.')?.1.parse().ok()
}
