//! Bringing the schema up to date.

use server::infrastructure::postgres::migrate;
use sqlx::postgres::PgPoolOptions;

use crate::support::postgres::TestDatabase;

/// A large table may take longer to write anew than any statement of a running server may.
#[tokio::test]
async fn a_migration_may_take_longer_than_a_statement() {
    let database = TestDatabase::new().await;
    let anew = "drop schema public cascade; create schema public";
    sqlx::raw_sql(anew).execute(&database.pool).await.expect("an empty database");
    let hasty = database.options.clone().options([("statement_timeout", "1")]);
    let pool = PgPoolOptions::new().connect_lazy_with(hasty);

    migrate(&pool).await.expect("the schema");
    // Again, with nothing to do.
    migrate(&pool).await.expect("the schema");

    let requests: i64 = sqlx::query_scalar("select count(*) from vm_requests")
        .fetch_one(&database.pool)
        .await
        .expect("the table");
    assert_eq!(requests, 0);
}
