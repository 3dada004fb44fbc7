//! What an estimate costs when 100,000 requests have finished, beside the smallest question that
//! PostgreSQL can be asked over the same pool.
//!
//! Most estimates are made from what is kept in memory; what is kept is learned anew when an attempt has
//! ended, and every ten seconds.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench that cannot measure ends with the reason; its output is what was asked for"
)]
#![allow(missing_docs, unreachable_pub, dead_code, reason = "a bench is nobody's interface")]

use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use server::domain::estimate::Position;
use server::domain::ids::{RequestId, VcenterId};
use server::domain::ports::progress::ProgressRepository;
use server::domain::spec::VmSpec;
use server::domain::stage::VmProvisioningStage as Stage;
use server::infrastructure::postgres::embedded::EmbeddedPostgres;
use server::infrastructure::postgres::progress::PgProgressRepository;
use server::infrastructure::postgres::{MIGRATOR, pool};
use sqlx::PgPool;
use support::{Samples, row};
use uuid::Uuid;

mod support;

/// Finished requests: of 20 templates in 4 sizes.
const FINISHED: i32 = 100_000;

/// How often each thing is measured, and how many estimates make one sample: one alone is too quick for
/// the clock.
const ROUNDS: u64 = 200;
const ESTIMATES_EACH: u32 = 500;

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(run());
}

async fn run() {
    let folder = tempfile::Builder::new().prefix("stagewatch-bench-").tempdir().expect("a folder");
    // PostgreSQL may run as another user, who must get in.
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).expect("a mode");
    let postgres = EmbeddedPostgres::start(folder.path()).await.expect("PostgreSQL");
    let pool = pool(postgres.connect_options());
    MIGRATOR.run(&pool).await.expect("the schema");
    eprintln!("{FINISHED} finished requests");
    fill(&pool).await;
    let repository = PgProgressRepository::new(pool.clone());
    let vcenter = VcenterId("vc".to_owned());
    let spec = VmSpec {
        request_id: RequestId(Uuid::nil()),
        name: "a".to_owned(),
        template: "template-7".to_owned(),
        cpus: 2,
        memory_mib: 4096,
        network: None,
    };
    let (mut smallest, mut anew, mut kept) =
        (Samples::default(), Samples::default(), Samples::default());
    for round in 0..ROUNDS {
        let begun = Instant::now();
        repository.ping().await.expect("an answer");
        smallest.push(begun.elapsed());
        repository.forget_learned(&vcenter);
        let begun = Instant::now();
        let learned = repository.learned(Some(&vcenter), &spec).await.expect("what was learned");
        anew.push(begun.elapsed());
        assert!(learned.tell(Position::Before(Stage::Cloning)).estimate.is_some(), "an estimate");
        let begun = Instant::now();
        for estimate in 0..ESTIMATES_EACH {
            let learned = repository.learned(Some(&vcenter), &spec).await.expect("what is kept");
            let elapsed_ms = round * 50 + u64::from(estimate);
            let told = learned.tell(Position::In(Stage::Cloning, elapsed_ms));
            std::hint::black_box(told);
        }
        kept.push(begun.elapsed() / ESTIMATES_EACH);
    }
    let beside = "select 1 over the same pool";
    println!("{}", row("an estimate, 100,000 finished requests", &kept, beside, &smallest));
    println!("{}", row("learning anew, 100,000 finished requests", &anew, beside, &smallest));
    pool.close().await;
    postgres.stop().await.expect("PostgreSQL's end");
}

/// Requests that became ready, one a minute, each stage around its own middle.
async fn fill(pool: &PgPool) {
    for statement in [
        "insert into vm_requests (id, owner, name, template, cpus, memory_mib, status, vcenter,
             created_at, last_seq, due_at)
         select gen_random_uuid(), 'local', 'vm-' || n, 'template-' || n % 20, 2, 4096 * (1 + n % 4),
                'ready', 'vc', timestamptz '2026-01-01' + n * interval '1 minute', 7, now()
         from generate_series(1, $1) as n",
        "insert into stage_durations (request_id, stage, vcenter, template, cpus, memory_mib,
             duration_ms, finished_at, attempt, censored, ready)
         select id, stage, vcenter, template, cpus, memory_mib,
                (middle * (0.6 + random() * 0.8))::bigint, created_at + late * interval '1 second',
                1, false, true
         from vm_requests, (values ('CREATED', 800, 1), ('CLONING', 40000, 40),
             ('CONFIGURING', 9000, 50), ('POWERING_ON', 5000, 55), ('WAITING_FOR_NETWORK', 30000, 85))
             as of_stage (stage, middle, late)
         where $1 > 0",
        "analyze",
    ] {
        // As one statement has to be, it may take longer than those of the server.
        let mut connection = pool.acquire().await.expect("a connection");
        sqlx::query("set statement_timeout = 0").execute(&mut *connection).await.expect("a setting");
        let query = sqlx::query(statement);
        let query = if statement.contains("$1") { query.bind(FINISHED) } else { query };
        query.execute(&mut *connection).await.expect("rows");
        connection.close().await.expect("an end");
    }
}
