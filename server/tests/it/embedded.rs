//! The private PostgreSQL against the real programs: it comes up again with its data, whatever was
//! killed before.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, Uid},
};
use server::infrastructure::postgres::embedded::{EmbeddedError, EmbeddedPostgres};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Far more than any step takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that PostgreSQL's user may enter, also when the tests run as root.
fn folder() -> TempDir {
    folder_of_mode(0o711)
}

fn folder_of_mode(mode: u32) -> TempDir {
    let mode = std::fs::Permissions::from_mode(mode);
    tempfile::Builder::new().permissions(mode).tempdir().expect("a temporary folder")
}

async fn start(data_dir: &Path) -> EmbeddedPostgres {
    EmbeddedPostgres::start(data_dir).await.unwrap_or_else(|reason| panic!("{reason}"))
}

async fn connect(postgres: &EmbeddedPostgres) -> Result<PgConnection, sqlx::Error> {
    PgConnection::connect_with(&postgres.connect_options()).await
}

/// Writes one row that the next start must still have.
async fn write_row(postgres: &EmbeddedPostgres) {
    let mut connection = connect(postgres).await.expect("a connection");
    for statement in
        ["create table if not exists kept (n int not null)", "insert into kept values (1)"]
    {
        sqlx::query(statement).execute(&mut connection).await.expect("a write");
    }
}

async fn rows(postgres: &EmbeddedPostgres) -> i64 {
    let mut connection = connect(postgres).await.expect("a connection");
    sqlx::query_scalar("select count(*) from kept").fetch_one(&mut connection).await.expect("rows")
}

async fn data_directory(postgres: &EmbeddedPostgres) -> PathBuf {
    let mut connection = connect(postgres).await.expect("a connection");
    let path: String = sqlx::query_scalar("select current_setting('data_directory')")
        .fetch_one(&mut connection)
        .await
        .expect("the data directory");
    PathBuf::from(path)
}

/// The postmaster's process, by its own file.
async fn postmaster(postgres: &EmbeddedPostgres) -> Pid {
    postmaster_in(&data_directory(postgres).await)
}

fn postmaster_in(data: &Path) -> Pid {
    let file = std::fs::read_to_string(data.join("postmaster.pid")).expect("postmaster.pid");
    Pid::from_raw(file.lines().next().expect("a line").parse().expect("a process id"))
}

#[tokio::test]
async fn a_new_folder_gets_a_durable_database_that_keeps_its_rows_over_a_restart() {
    let folder = folder();
    let first = start(folder.path()).await;
    let mut connection = connect(&first).await.unwrap();
    for (setting, wanted) in
        [("fsync", "on"), ("listen_addresses", ""), ("TimeZone", "UTC"), ("data_checksums", "on")]
    {
        let value: String = sqlx::query_scalar("select current_setting($1)")
            .bind(setting)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(value, wanted, "{setting}");
    }
    write_row(&first).await;
    assert!(first.place().contains("psql -h "), "{}", first.place());
    let was = postmaster(&first).await;
    first.stop().await.unwrap();
    assert!(kill(was, None).is_err(), "process {was} should have ended");

    let second = start(folder.path()).await;
    assert_eq!(rows(&second).await, 1);
    second.stop().await.unwrap();
}

#[tokio::test]
async fn a_postmaster_that_outlived_its_server_is_adopted() {
    let folder = folder();
    let killed = start(folder.path()).await;
    write_row(&killed).await;
    let was = postmaster(&killed).await;
    // What `kill -9` leaves: the lock is released, the postmaster runs on.
    drop(killed);

    let adopted = start(folder.path()).await;
    assert_eq!(postmaster(&adopted).await, was);
    assert_eq!(rows(&adopted).await, 1);
    adopted.stop().await.unwrap();
    assert!(kill(was, None).is_err(), "an adopted postmaster is stopped like one's own");
}

#[tokio::test]
async fn a_killed_postmaster_is_replaced_at_the_next_start_twice_in_a_row() {
    let folder = folder();
    for round in 1..=3 {
        let postgres = start(folder.path()).await;
        write_row(&postgres).await;
        assert_eq!(rows(&postgres).await, round);
        // A busy backend outlives its postmaster for a while and holds the shared memory.
        let mut busy = connect(&postgres).await.unwrap();
        let data = data_directory(&postgres).await;
        let nap = sqlx::query("select pg_sleep(2)").execute(&mut busy);
        let murder = async {
            kill(postmaster_in(&data), Signal::SIGKILL).expect("the postmaster was running");
        };
        let (_torn, ()) = tokio::join!(nap, murder);
        drop(postgres);
    }
    let last = start(folder.path()).await;
    assert_eq!(rows(&last).await, 3);
    last.stop().await.unwrap();
}

#[tokio::test]
async fn a_postmaster_that_dies_under_a_running_server_is_started_again() {
    let folder = folder();
    let postgres = start(folder.path()).await;
    write_row(&postgres).await;
    let was = postmaster(&postgres).await;
    let token = CancellationToken::new();
    let watch_it_die = async {
        kill(was, Signal::SIGKILL).expect("the postmaster was running");
        let give_up = Instant::now() + PATIENCE;
        // The same options must lead to the new postmaster, since pools hold on to them.
        while connect(&postgres).await.is_err() || postmaster(&postgres).await == was {
            assert!(Instant::now() < give_up, "PostgreSQL did not come back");
            tokio::task::yield_now().await;
        }
        token.cancel();
    };
    tokio::join!(postgres.supervise(token.clone()), watch_it_die);
    assert_eq!(rows(&postgres).await, 1);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_is_told_who_has_it() {
    let folder = folder();
    let first = start(folder.path()).await;
    let second = EmbeddedPostgres::start(folder.path()).await.unwrap_err();
    let me = std::process::id();
    assert!(
        matches!(second, EmbeddedError::InUse { pid: Some(pid), .. } if pid == me),
        "{second:?}"
    );
    let message = second.to_string();
    assert!(message.contains(&format!("process {me}")), "{message}");
    assert!(!message.contains('\n'), "{message}");
    first.stop().await.unwrap();
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_works_and_so_do_odd_characters() {
    let folder = folder();
    let deep = folder.path().join("a, \"b\" c").join("deep".repeat(30));
    let postgres = start(&deep).await;
    write_row(&postgres).await;
    let data = data_directory(&postgres).await;
    assert!(data.starts_with(deep.canonicalize().unwrap()), "{}", data.display());
    postgres.stop().await.unwrap();

    let odd = folder.path().join("a, \"b\" c");
    let postgres = start(&odd).await;
    write_row(&postgres).await;
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn what_a_killed_initdb_left_is_removed_and_a_cluster_made() {
    let folder = folder();
    let home = folder.path().join("postgres");
    let left = home.join("data.new-killed");
    std::fs::create_dir_all(left.join("base")).unwrap();
    std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o711)).unwrap();
    let postgres = start(folder.path()).await;
    assert!(!left.exists());
    write_row(&postgres).await;
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_stale_pid_file_that_names_a_foreign_process_is_no_obstacle() {
    let folder = folder();
    let postgres = start(folder.path()).await;
    write_row(&postgres).await;
    let data = data_directory(&postgres).await;
    let pid_file = std::fs::read_to_string(data.join("postmaster.pid")).unwrap();
    postgres.stop().await.unwrap();
    // The machine was reset, and the process id now belongs to somebody else: to us.
    let was = pid_file.lines().next().unwrap();
    let stale = pid_file.replacen(was, &std::process::id().to_string(), 1);
    std::fs::write(data.join("postmaster.pid"), stale).unwrap();
    let postgres = start(folder.path()).await;
    assert_eq!(rows(&postgres).await, 1);
    postgres.stop().await.unwrap();
}

/// Root's home is closed to PostgreSQL's user. Anybody else runs PostgreSQL as themselves, and then
/// the cluster stays where the data folder is.
#[tokio::test]
async fn below_a_closed_folder_the_cluster_lives_elsewhere_and_is_found_again() {
    let closed = folder_of_mode(0o700);
    let first_name = closed.path().join("first");
    let postgres = start(&first_name).await;
    let remove = remove_elsewhere(&data_directory(&postgres).await);
    assert_eq!(remove.is_some(), Uid::effective().is_root());
    write_row(&postgres).await;
    postgres.stop().await.unwrap();

    let second_name = closed.path().join("second");
    std::fs::rename(&first_name, &second_name).unwrap();
    let moved = start(&second_name).await;
    assert_eq!(rows(&moved).await, 1);
    moved.stop().await.unwrap();
}

/// Who deletes a data folder wants to begin anew, and nobody is left who could stop its PostgreSQL.
#[tokio::test]
async fn a_deleted_folder_begins_anew_and_its_forgotten_postmaster_is_stopped() {
    let closed = folder_of_mode(0o700);
    let data_dir = closed.path().join("data");
    let killed = start(&data_dir).await;
    let (old, forgotten) = (data_directory(&killed).await, postmaster(&killed).await);
    let _remove = remove_elsewhere(&old);
    write_row(&killed).await;
    drop(killed);
    std::fs::remove_dir_all(&data_dir).unwrap();

    let anew = start(&data_dir).await;
    let new = data_directory(&anew).await;
    let _remove_too = remove_elsewhere(&new);
    let mut connection = connect(&anew).await.unwrap();
    let has_table: bool = sqlx::query_scalar("select to_regclass('kept') is not null")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(!has_table, "the old data came back");
    if Uid::effective().is_root() {
        assert_ne!(old, new);
        let give_up = Instant::now() + PATIENCE;
        while kill(forgotten, None).is_ok() {
            assert!(Instant::now() < give_up, "{forgotten} runs on, though nobody can reach it");
            tokio::task::yield_now().await;
        }
    }
    anew.stop().await.unwrap();
}

#[tokio::test]
async fn a_postmaster_of_a_deleted_folder_does_not_take_the_new_socket_along() {
    let folder = folder();
    let data_dir = folder.path().join("data");
    let killed = start(&data_dir).await;
    let forgotten = postmaster(&killed).await;
    drop(killed);
    std::fs::remove_dir_all(&data_dir).unwrap();

    let anew = start(&data_dir).await;
    // It would notice within a minute by itself, and end in this very way.
    kill(forgotten, Signal::SIGQUIT).unwrap();
    let give_up = Instant::now() + PATIENCE;
    while kill(forgotten, None).is_ok() {
        assert!(Instant::now() < give_up, "{forgotten} runs on");
        tokio::task::yield_now().await;
    }
    write_row(&anew).await;
    anew.stop().await.unwrap();
}

/// For a cluster that could not live in its data folder, which the test's own folder takes along.
fn remove_elsewhere(data: &Path) -> Option<RemoveAtEnd> {
    let home = data.parent().expect("the data folder is in a home");
    home.starts_with("/var/lib/stagewatch").then(|| RemoveAtEnd(home.to_owned()))
}

/// Removes what a test made outside its own folder, also when it fails.
struct RemoveAtEnd(PathBuf);

impl Drop for RemoveAtEnd {
    fn drop(&mut self) {
        if let Err(reason) = std::fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {reason}", self.0.display());
        }
    }
}
