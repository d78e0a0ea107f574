//! Prometheus: a small one that answers as the real one does, and the real one where it is
//! installed.

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
    routing::{get, post},
};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// What the small one wants to be asked with.
pub const TOKEN: &str = "a-token-of-the-metrics-proxy";

type Live = Box<dyn Fn() -> String + Send>;

/// A small Prometheus, which knows one number.
#[derive(Clone)]
pub struct Prometheus {
    base: String,
    state: Arc<Mutex<Numbers>>,
}

#[derive(Default)]
struct Numbers {
    /// What production serves.
    live: Option<Live>,
    /// The number while a release serves.
    of: BTreeMap<String, String>,
    /// What the number was at a moment before, whatever serves now.
    before: Option<String>,
    /// What it answers whatever serves.
    always: Option<(u16, String)>,
}

impl Prometheus {
    /// One that knows nothing yet.
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(Numbers::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new()
            .route("/api/v1/query", post(query))
            .with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { base, state }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// From now on it measures what `live` names.
    pub fn measures(&self, live: impl Fn() -> String + Send + 'static) {
        self.state.lock().unwrap().live = Some(Box::new(live));
    }

    /// What the number is while a release serves, as Prometheus writes it.
    pub fn gives(&self, release: &str, number: &str) {
        let mut state = self.state.lock().unwrap();
        state.of.insert(release.into(), number.into());
        state.always = None;
    }

    /// What the number was at every moment before, as Prometheus writes it.
    pub fn gave_before(&self, number: &str) {
        self.state.lock().unwrap().before = Some(number.into());
    }

    /// The metric has disappeared.
    pub fn has_no_data(&self) {
        self.answers(
            200,
            r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#,
        );
    }

    /// A proxy in front of it says that it is away.
    pub fn is_away(&self) {
        self.answers(503, "<html>Service Unavailable</html>");
    }

    /// It answers this, whatever it is asked.
    pub fn answers(&self, status: u16, body: &str) {
        self.state.lock().unwrap().always = Some((status, body.to_owned()));
    }

    /// It measures again.
    pub fn is_back(&self) {
        self.state.lock().unwrap().always = None;
    }
}

async fn query(
    State(state): State<Arc<Mutex<Numbers>>>,
    headers: HeaderMap,
    sent_form: String,
) -> impl IntoResponse {
    let state = state.lock().unwrap();
    let sent = headers.get("authorization").map(|sent| sent.as_bytes());
    if sent != Some(format!("Bearer {TOKEN}").as_bytes()) {
        return (StatusCode::UNAUTHORIZED, "Unauthorized".to_owned());
    }
    let mut form = form_urlencoded::parse(sent_form.as_bytes());
    let query = form.find(|(name, _)| name == "query");
    let query = query
        .map(|(_, query)| query.into_owned())
        .unwrap_or_default();
    if query.matches('(').count() != query.matches(')').count() {
        let refused = r#"{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:10: parse error: unclosed left parenthesis"}"#;
        return (StatusCode::BAD_REQUEST, refused.to_owned());
    }
    if let Some((status, body)) = &state.always {
        return (StatusCode::from_u16(*status).unwrap(), body.clone());
    }
    let live = state.live.as_ref().map(|live| live()).unwrap_or_default();
    let is_of_before = form_urlencoded::parse(sent_form.as_bytes()).any(|(name, _)| name == "time");
    let number = match is_of_before {
        true => state.before.as_ref(),
        false => state.of.get(&live),
    };
    let result =
        number.map(|number| format!(r#"{{"metric":{{}},"value":[1773457920.123,"{number}"]}}"#));
    let body = format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}}}}"#,
        result.unwrap_or_default()
    );
    (StatusCode::OK, body)
}

/// A program whose requests are counted, as Prometheus reads it. It counts as much each time it is
/// read, so that the rate of its errors is exact.
struct Counted {
    requests: u64,
    errors: u64,
    error_rate: Box<dyn Fn() -> f64 + Send>,
}

/// How many requests there are between two readings.
const REQUESTS: u64 = 2_000;
/// How long the real one may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// The real Prometheus, which reads a program five times a second.
pub struct RealPrometheus {
    base: String,
    process: Child,
    _dir: TempDir,
}

impl RealPrometheus {
    /// Starts one that reads a program with this rate of errors; or says why there is none.
    pub async fn start(error_rate: impl Fn() -> f64 + Send + 'static) -> Result<Self, String> {
        let program = program().ok_or("there is no program prometheus on this machine")?;
        let counted = Arc::new(Mutex::new(Counted {
            requests: 0,
            errors: 0,
            error_rate: Box::new(error_rate),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        let routes = Router::new()
            .route("/metrics", get(metrics))
            .with_state(counted);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen = free.local_addr().unwrap();
        drop(free);
        let dir = tempfile::tempdir().unwrap();
        let settings = dir.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs: [{{job_name: shop, static_configs: [{{targets: [\"{target}\"]}}]}}]\n"
        );
        std::fs::write(&settings, text).unwrap();
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let process = Command::new(program)
            .arg(format!("--config.file={}", settings.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                dir.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={listen}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("prometheus did not start: {error}"))?;
        let real = Self {
            base: format!("http://{listen}"),
            process,
            _dir: dir,
        };
        match real.reaches("up", |number| number == 1.0).await {
            Some(_) => Ok(real),
            None => Err(format!(
                "prometheus does not read anything: {}",
                std::fs::read_to_string(real._dir.path().join("log")).unwrap_or_default()
            )),
        }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// Waits until a query gives a number like this.
    pub async fn reaches(&self, query: &str, wanted: impl Fn(f64) -> bool) -> Option<f64> {
        let http = rollback_bot::http_client().unwrap();
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(number) = self
                .number(&http, query)
                .await
                .filter(|number| wanted(*number))
            {
                return Some(number);
            }
            // Another process works at it, in a time that no story moves.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        None
    }

    async fn number(&self, http: &reqwest::Client, query: &str) -> Option<f64> {
        let url = format!("{}/api/v1/query", self.base);
        let answer = http.post(url).form(&[("query", query)]).send().await.ok()?;
        let answer: serde_json::Value = answer.json().await.ok()?;
        answer["data"]["result"][0]["value"][1]
            .as_str()?
            .parse()
            .ok()
    }
}

impl Drop for RealPrometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut programs = std::env::split_paths(&path).map(|dir| dir.join("prometheus"));
    programs.find(|program| program.is_file())
}

async fn metrics(State(counted): State<Arc<Mutex<Counted>>>) -> String {
    let mut counted = counted.lock().unwrap();
    let rate = (counted.error_rate)();
    counted.requests += REQUESTS;
    counted.errors += (0..REQUESTS)
        .filter(|n| (*n as f64) < rate * REQUESTS as f64)
        .count() as u64;
    format!(
        "# TYPE http_requests_total counter\nhttp_requests_total{{code=\"200\"}} {}\nhttp_requests_total{{code=\"500\"}} {}\n",
        counted.requests - counted.errors,
        counted.errors
    )
}
