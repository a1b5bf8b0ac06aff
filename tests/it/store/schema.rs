//! Both engines have the same tables.

use crate::support::database::{TestDb, each, postgres_server};
use rack_gateway::store::Db;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

/// Columns as (name, type, may be null), in order; and the columns of each unique constraint and each index.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    columns: Vec<(String, String, bool)>,
    unique: BTreeSet<Vec<String>>,
    indexes: BTreeSet<Vec<String>>,
    /// (column, table it refers to, what happens on delete)
    references: BTreeSet<(String, String, String)>,
}

type Schema = BTreeMap<String, Table>;

#[tokio::test]
async fn both_engines_have_the_same_schema() {
    if postgres_server().is_none() {
        return;
    }
    let schemas = Mutex::new(Vec::new());
    each(async |db: TestDb| {
        let schema = match &db.db {
            Db::Sqlite { read, .. } => of_sqlite(read).await,
            Db::Postgres(pool) => of_postgres(pool).await,
        };
        schemas.lock().unwrap().push(schema);
    })
    .await;
    let schemas = schemas.into_inner().unwrap();
    let [sqlite, postgres] = schemas.as_slice() else { panic!("two engines, not {}", schemas.len()) };
    assert!(sqlite.keys().eq(postgres.keys()), "{:?}\n{:?}", sqlite.keys(), postgres.keys());
    assert!(sqlite.len() >= 6 && sqlite.values().all(|table| !table.columns.is_empty()), "{sqlite:#?}");
    for (name, table) in sqlite {
        assert_eq!(table, &postgres[name], "{name}: SQLite on the left, PostgreSQL on the right");
    }
}

/// One word for the types that correspond.
fn common(name: &str) -> &'static str {
    match name {
        "INTEGER" | "bigint" => "integer",
        "BLOB" | "bytea" | "uuid" => "bytes",
        "TEXT" | "text" => "text",
        other => panic!("{other} has no counterpart on the other engine"),
    }
}

async fn of_sqlite(pool: &sqlx::SqlitePool) -> Schema {
    let columns: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT t.name, c.name, c.type, c.\"notnull\" = 0 FROM sqlite_schema t, pragma_table_info(t.name) c \
         WHERE t.type = 'table' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\' AND t.name NOT LIKE 'sqlite%' \
         ORDER BY t.name, c.cid",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let mut schema = with_columns(columns);
    for (name, table) in &mut schema {
        // A rowid that is the primary key has no index of its own.
        let primary: Vec<String> =
            sqlx::query_scalar("SELECT name FROM pragma_table_info($1) WHERE pk > 0 ORDER BY pk")
                .bind(name)
                .fetch_all(pool)
                .await
                .unwrap();
        table.unique.insert(primary);
        let indexed: Vec<(String, bool, String)> = sqlx::query_as(
            "SELECT l.name, l.\"unique\", i.name FROM pragma_index_list($1) l, pragma_index_info(l.name) i \
             ORDER BY l.name, i.seqno",
        )
        .bind(name)
        .fetch_all(pool)
        .await
        .unwrap();
        add_indexes(table, indexed);
        let references: Vec<(String, String, String)> =
            sqlx::query_as("SELECT \"from\", \"table\", on_delete FROM pragma_foreign_key_list($1)")
                .bind(name)
                .fetch_all(pool)
                .await
                .unwrap();
        table.references.extend(references);
    }
    schema
}

async fn of_postgres(pool: &sqlx::PgPool) -> Schema {
    let columns: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES' \
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations' \
         ORDER BY table_name, ordinal_position",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let mut schema = with_columns(columns);
    for (name, table) in &mut schema {
        let indexed: Vec<(String, bool, String)> = sqlx::query_as(
            "SELECT i.indexrelid::regclass::text, i.indisunique, a.attname::text \
             FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY k (attnum, place) \
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
             WHERE i.indrelid = $1::regclass ORDER BY 1, k.place",
        )
        .bind(name)
        .fetch_all(pool)
        .await
        .unwrap();
        add_indexes(table, indexed);
        let references: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT a.attname::text, c.confrelid::regclass::text, \
                    CASE c.confdeltype WHEN 'c' THEN 'CASCADE' ELSE c.confdeltype::text END \
             FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] \
             WHERE c.conrelid = $1::regclass AND c.contype = 'f'",
        )
        .bind(name)
        .fetch_all(pool)
        .await
        .unwrap();
        table.references.extend(references);
    }
    schema
}

fn with_columns(rows: Vec<(String, String, String, bool)>) -> Schema {
    let mut schema = Schema::new();
    for (table, column, kind, nullable) in rows {
        schema.entry(table).or_default().columns.push((column, common(&kind).to_owned(), nullable));
    }
    schema
}

/// Rows of (index, is unique, column), those of one index together.
fn add_indexes(table: &mut Table, rows: Vec<(String, bool, String)>) {
    for of_one in rows.chunk_by(|a, b| a.0 == b.0) {
        let columns = of_one.iter().map(|(_, _, column)| column.clone()).collect();
        let set = if of_one[0].1 { &mut table.unique } else { &mut table.indexes };
        set.insert(columns);
    }
}
