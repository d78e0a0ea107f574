//! A shop's own PostgreSQL, on the server that `STORIES_DATABASE_URL` names: with orders in it, and a
//! role that may only read them.

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::sync::atomic::{AtomicUsize, Ordering};
use url::Url;

/// The password of the role that reads.
pub const PASSWORD: &str = "a-password-of-the-reader";

/// A database with orders of customers.
pub struct ShopDatabase {
    owner: PgConnection,
    server: PgConnection,
    name: String,
    reader: String,
    writer: String,
}

impl ShopDatabase {
    /// One with a hundred orders; or says why there is none.
    pub async fn start() -> Result<Self, String> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let server = std::env::var("STORIES_DATABASE_URL")
            .map_err(|_| "STORIES_DATABASE_URL names no PostgreSQL".to_owned())?;
        let name = format!(
            "shop_{}_{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let mut url = Url::parse(&server).unwrap();
        let mut server = PgConnection::connect(&server).await.unwrap();
        run(&mut server, &format!("create database {name}")).await;
        run(
            &mut server,
            &format!("create role {name}_writer login password '{PASSWORD}'; create role {name}_reader login password '{PASSWORD}'; alter role {name}_reader set default_transaction_read_only = on"),
        )
        .await;
        url.set_path(&name);
        let mut owner = PgConnection::connect(url.as_str()).await.unwrap();
        run(
            &mut owner,
            "create table customers (id int primary key); create table orders (id int primary key, customer int, note text); \
             insert into customers select generate_series(1, 10); insert into orders select n, n % 10 + 1 from generate_series(1, 100) n; \
             grant select on all tables in schema public to public",
        )
        .await;
        let mut of = |role: &str| {
            url.set_username(&format!("{name}_{role}")).unwrap();
            url.set_password(Some(PASSWORD)).unwrap();
            url.to_string()
        };
        Ok(Self {
            reader: of("reader"),
            writer: of("writer"),
            owner,
            server,
            name,
        })
    }

    /// How the role that only reads reaches it.
    pub fn reader(&self) -> &str {
        &self.reader
    }

    /// How a role reaches it that may write.
    pub fn writer(&self) -> &str {
        &self.writer
    }

    /// What it is called, with which the names of its roles begin.
    pub fn name(&self) -> String {
        self.name.clone()
    }

    /// Its owner changes it.
    pub async fn changes(&mut self, sql: &str) {
        run(&mut self.owner, sql).await;
    }

    /// How many orders there are.
    pub async fn orders(&mut self) -> i64 {
        let count = sqlx::query_scalar("select count(*) from orders");
        count.fetch_one(&mut self.owner).await.unwrap()
    }

    /// It and its roles are removed: roles are of the whole server.
    pub async fn ends(mut self) {
        self.owner.close().await.unwrap();
        let name = self.name;
        run(
            &mut self.server,
            &format!("drop database {name} with (force)"),
        )
        .await;
        run(
            &mut self.server,
            &format!("drop role {name}_writer; drop role {name}_reader"),
        )
        .await;
    }
}

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .unwrap();
}
