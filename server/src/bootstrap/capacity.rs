//! How many connections and streams this process can serve.

/// File descriptors that are not for connections: PostgreSQL, vCenter, files, logs.
const RESERVED_FILES: u64 = 200;

/// The file limit to go by where the kernel does not tell: the usual one.
const FILES_UNKNOWN: u64 = 1024;

/// Connections that are taken however low the file limit is: below it nothing would work at all.
const CONNECTIONS_MIN: usize = 16;

/// How many connections and streams there may be at once, within the file limit.
pub(super) fn places(max_streams: u32) -> (usize, usize) {
    let connections = file_limit().saturating_sub(RESERVED_FILES);
    let connections = usize::try_from(connections).unwrap_or(CONNECTIONS_MIN).max(CONNECTIONS_MIN);
    let streams = usize::try_from(max_streams).unwrap_or(usize::MAX);
    // Some connections are kept for those who do not stream.
    (connections, streams.min(connections - connections / 8))
}

/// How many files this process may open; the soft limit is raised to the hard one first.
fn file_limit() -> u64 {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return FILES_UNKNOWN };
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    }
}
