//! A client for Server-Sent Events that keeps every byte.

use std::fmt;

use app::api::{Progress, StageEvent};
use reqwest::Response;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use super::{PATIENCE, in_time};

/// One block of a stream, up to its empty line.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Its bytes, with the empty line.
    pub(crate) raw: String,
    pub(crate) event: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) retry: Option<u64>,
    pub(crate) comments: Vec<String>,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.raw)
    }
}

impl Frame {
    /// Reads a block by the rules of the HTML standard, and refuses what would be ignored there.
    pub(crate) fn parse(raw: String) -> Self {
        let mut frame =
            Self { raw, event: None, id: None, data: None, retry: None, comments: Vec::new() };
        for line in frame.raw.clone().lines().filter(|line| !line.is_empty()) {
            let (field, value) = line.split_once(':').unwrap_or_else(|| panic!("a field: {line}"));
            let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
            let before = match field {
                "" => {
                    frame.comments.push(value);
                    None
                }
                "event" => frame.event.replace(value),
                "id" => frame.id.replace(value),
                "data" => frame.data.replace(value),
                "retry" => {
                    frame.retry = Some(value.parse().expect("a number of milliseconds"));
                    None
                }
                other => panic!("an unknown field {other:?} in {:?}", frame.raw),
            };
            assert_eq!(before, None, "a field came twice in {:?}", frame.raw);
        }
        frame
    }

    /// The event's name; the empty text for a block without one.
    pub(crate) fn name(&self) -> &str {
        self.event.as_deref().unwrap_or_default()
    }

    /// The number in the id.
    pub(crate) fn seq(&self) -> Option<u32> {
        let (_, seq) = self.id.as_ref()?.rsplit_once('.')?;
        Some(seq.parse().expect("a number"))
    }

    /// Whether this is an event of the journal.
    pub(crate) fn is_numbered(&self) -> bool {
        self.id.is_some() && self.name() != "snapshot"
    }

    pub(crate) fn json(&self) -> Value {
        self.read()
    }

    /// The data of a numbered frame.
    pub(crate) fn stage_event(&self) -> StageEvent {
        self.read()
    }

    /// The data of a snapshot.
    pub(crate) fn progress(&self) -> Progress {
        self.read()
    }

    fn read<T: DeserializeOwned>(&self) -> T {
        let data = self.data.as_deref().unwrap_or_default();
        serde_json::from_str(data).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// An open stream.
#[derive(Debug)]
pub(crate) struct EventStream {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    response: Response,
    /// What has come of a block that is not complete yet.
    rest: String,
}

impl EventStream {
    pub(crate) fn new(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, response, rest: String::new() }
    }

    /// The next block; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(end) = self.rest.find("\n\n") {
                let after = self.rest.split_off(end + 2);
                let raw = std::mem::replace(&mut self.rest, after);
                return Some(Frame::parse(raw));
            }
            let Some(chunk) = self.chunk().await else {
                assert_eq!(self.rest, "", "the stream ends with a whole block");
                return None;
            };
            self.rest.push_str(&chunk);
        }
    }

    /// The bytes that come next, as text.
    pub(crate) async fn chunk(&mut self) -> Option<String> {
        let chunk = in_time("the next bytes of a stream", self.response.chunk()).await;
        let chunk = chunk.unwrap_or_else(|error| panic!("the stream broke: {error:?}"))?;
        Some(String::from_utf8(chunk.to_vec()).expect("whole characters"))
    }

    /// Reads until this block has come, and returns it with all before it.
    pub(crate) async fn until(&mut self, is_it: impl FnMut(&Frame) -> bool) -> Vec<Frame> {
        let (frames, found) = self.read_until(is_it).await;
        assert!(found, "the stream ended before what was waited for: {frames:#?}");
        frames
    }

    /// Reads until this block or the end, and says whether the block was found. What has come so far
    /// is shown when it takes too long: a stream that lives says so for ever.
    async fn read_until(&mut self, mut is_it: impl FnMut(&Frame) -> bool) -> (Vec<Frame>, bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            let found = is_it(&frame);
            frames.push(frame);
            if found {
                return (frames, true);
            }
            assert!(Instant::now() < deadline, "in vain waited for an event: {frames:#?}");
        }
        (frames, false)
    }

    /// Reads until the first event of this name.
    pub(crate) async fn until_event(&mut self, name: &str) -> Frame {
        let frames = self.until(|frame| frame.name() == name).await;
        frames.last().expect("the one waited for").clone()
    }

    /// Reads until the event of the journal with this number.
    pub(crate) async fn until_seq(&mut self, seq: u32) -> Vec<Frame> {
        self.until(|frame| frame.is_numbered() && frame.seq() == Some(seq)).await
    }

    /// All blocks up to the end of the stream.
    pub(crate) async fn rest(&mut self) -> Vec<Frame> {
        self.read_until(|_| false).await.0
    }

    /// Reads a stream of text until these words have come.
    pub(crate) async fn until_line(&mut self, words: &str) {
        let mut lines = String::new();
        while !lines.contains(words) {
            let chunk = self.chunk().await;
            lines.push_str(
                &chunk.unwrap_or_else(|| panic!("in vain waited for {words:?}: {lines}")),
            );
        }
    }

    /// Reads until the connection ends or breaks: a server that was killed says no good-bye.
    pub(crate) async fn until_it_breaks(&mut self) {
        in_time("the stream's end", async {
            while let Ok(Some(_)) = self.response.chunk().await {}
        })
        .await;
    }
}

/// The events of the journal among these blocks.
pub(crate) fn numbered(frames: &[Frame]) -> Vec<Frame> {
    frames.iter().filter(|frame| frame.is_numbered()).cloned().collect()
}
