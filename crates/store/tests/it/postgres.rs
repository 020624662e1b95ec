//! PostgreSQL servers for tests. Each lives in a folder of its own and listens on a socket there; it ends, and the folder
//! with it, when the process that started it does, however that ends.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{AnyConnection, AssertSqlSafe, Connection};

/// Keeps the server: reads orders, and ends it when there is nobody left to give any.
const KEEPER: &str = r#"
trap '' INT TERM HUP
directory=$(mktemp -d /tmp/store-postgres-XXXXXX) || exit 1
if "$1/initdb" -D "$directory/data" -U postgres --auth=trust --no-sync --no-locale --encoding=UTF8 >"$directory/log" 2>&1
then echo "$directory"; else cat "$directory/log" >&2; rm -rf "$directory"; exit 1; fi
# What is left of a killed server may keep the next from starting for a moment.
begin() {
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        "$1/postgres" -D "$directory/data" -k "$directory" -c listen_addresses= -c max_connections=400 -c fsync=off \
            </dev/null >>"$directory/log" 2>&1 &
        server=$!
        while kill -0 "$server" 2>/dev/null; do
            grep -q '^ready' "$directory/data/postmaster.pid" 2>/dev/null && return
            sleep 0.05
        done
        sleep 0.5
    done
}
all() { echo "$server" $(pgrep -P "$server"); }
begin "$1"
while read -r order; do
    case $order in
        kill) kill -9 $(all) 2>/dev/null; wait "$server" ;;
        begin) begin "$1" ;;
        pause) kill -STOP $(all) ;;
        resume) kill -CONT $(all) ;;
    esac
    echo "done"
done
kill -CONT $(all) 2>/dev/null
kill -9 $(all) 2>/dev/null
wait
rm -rf "$directory"
"#;

pub struct Postgres {
    directory: String,
    keeper: Mutex<(Child, BufReader<ChildStdout>)>,
    databases: AtomicU64,
}

/// The server that most tests share.
pub fn shared() -> &'static Postgres {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    SHARED.get_or_init(Postgres::start)
}

impl Postgres {
    pub fn start() -> Self {
        let bin = bin();
        let root = Command::new("id").arg("-u").output().unwrap().stdout.starts_with(b"0\n");
        let mut command = if root {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        let mut keeper = command
            .args(["-c", KEEPER, "keeper"])
            .arg(&bin)
            .current_dir("/tmp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(keeper.stdout.take().unwrap());
        let mut directory = String::new();
        said.read_line(&mut directory).unwrap();
        assert!(!directory.is_empty(), "PostgreSQL could not be started, see above");
        Self { directory: directory.trim().to_owned(), keeper: Mutex::new((keeper, said)), databases: AtomicU64::new(1) }
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.directory)
    }

    /// Makes a new database; answers its URL. Waits until the server answers.
    pub async fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut connection = self.connect().await;
        let create = format!("CREATE DATABASE {name}");
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        self.url(&name)
    }

    /// A connection, as soon as the server answers.
    pub async fn connect(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            match AnyConnection::connect(&self.url("postgres")).await {
                Ok(connection) => return connection,
                Err(error) if Instant::now() > deadline => panic!("PostgreSQL does not answer: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Ends the server as a power cut of its machine would.
    pub fn kill(&self) {
        self.order("kill");
    }

    /// Starts the server again.
    pub fn begin(&self) {
        self.order("begin");
    }

    /// Stops the server where it is: it keeps its connections and says nothing.
    pub fn pause(&self) {
        self.order("pause");
    }

    /// Lets the server go on.
    pub fn resume(&self) {
        self.order("resume");
    }

    fn order(&self, order: &str) {
        let mut keeper = self.keeper.lock().unwrap();
        writeln!(keeper.0.stdin.as_ref().unwrap(), "{order}").unwrap();
        let mut answer = String::new();
        keeper.1.read_line(&mut answer).unwrap();
        assert_eq!(answer, "done\n");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut keeper = self.keeper.lock().unwrap();
        drop(keeper.0.stdin.take());
        keeper.0.wait().unwrap();
    }
}

/// Where PostgreSQL's programs are.
fn bin() -> PathBuf {
    let named = std::env::var_os("PG_BIN").map(PathBuf::from);
    let debian = Path::new("/usr/lib/postgresql").read_dir().into_iter().flatten();
    let mut debian: Vec<_> = debian.map(|entry| entry.unwrap().path().join("bin")).collect();
    debian.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    named
        .into_iter()
        .chain(debian.into_iter().rev())
        .chain(std::env::split_paths(&path))
        .find(|directory| directory.join("initdb").exists() && directory.join("postgres").exists())
        .expect("these tests need PostgreSQL: apt install postgresql, or set PG_BIN to the folder of its programs")
}
