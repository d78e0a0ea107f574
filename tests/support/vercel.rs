//! A Vercel on loopback: one project whose domains really move, and that can be made to misbehave.
//!
//! A rollback or a promotion is a job here as it is there: accepting it moves nothing,
//! [`Vercel::advance`] does, one domain at a time. Every request is held against the published API on the way in; whatever
//! is not in it ends up in [`Vercel::violations`], which a story should find empty.

use axum::{
    Router,
    body::Bytes,
    extract::{ConnectInfo, State, connect_info::Connected},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
    serve::{IncomingStream, Listener},
};
use jiff::Timestamp;
use rollback_domain::identity::{IncidentId, RollbackId, ServiceKey};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};
use url::Url;

/// The project's name.
pub const PROJECT: &str = "frontend";
/// The project's id.
pub const PROJECT_ID: &str = "prj_2WkFZr3TqUoXcB7mNvL9sHdYeA4g";
/// The team's id, sent as `teamId`.
pub const TEAM_ID: &str = "team_nLlpyC6REAqxydlFKbrMDlud";
/// The team's slug, sent as `slug`.
pub const TEAM_SLUG: &str = "acme";
/// The only token that is let in.
pub const TOKEN: &str = "a-token-for-stories";
/// The domains production has unless a story sets others.
pub const DOMAINS: [&str; 8] = [
    "shop.example.com",
    "www.shop.example.com",
    "checkout.example.com",
    "account.example.com",
    "de.shop.example.com",
    "fr.shop.example.com",
    "status.shop.example.com",
    "frontend.vercel.app",
];
/// A name Vercel makes itself: it follows the newest build, not production.
pub const AUTOMATIC: &str = "frontend-git-main-acme.vercel.app";

/// What the published API has of this: method, path (`*` stands for any one part), and the query.
const SPEC: &[(&str, &[&str], &[&str])] = &[
    (
        "GET",
        &["v6", "deployments"],
        &[
            "app",
            "limit",
            "projectId",
            "projectIds",
            "target",
            "users",
            "since",
            "until",
            "state",
            "rollbackCandidate",
            "branch",
            "sha",
        ],
    ),
    ("GET", &["v13", "deployments", "*"], &["withGitRepoInfo"]),
    ("GET", &["v5", "user", "tokens", "*"], &[]),
    ("GET", &["v9", "projects", "*"], &["rollbackInfo"]),
    ("PATCH", &["v9", "projects", "*"], &[]),
    (
        "GET",
        &["v9", "projects", "*", "rollback", "aliases"],
        &["failedOnly", "limit", "until"],
    ),
    (
        "GET",
        &["v1", "projects", "*", "rolling-release"],
        &["state"],
    ),
    (
        "POST",
        &["v1", "projects", "*", "rollback", "*"],
        &["description"],
    ),
    ("POST", &["v10", "projects", "*", "promote", "*"], &[]),
    (
        "GET",
        &["v1", "projects", "*", "promote", "aliases"],
        &["failedOnly", "limit", "since", "until"],
    ),
];

/// What the fake is told the time by.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The fake. It stops when it is dropped.
pub struct Vercel {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Drop for Vercel {
    fn drop(&mut self) {
        self.shared.abandoned.notify_waiters();
        self.server.abort();
    }
}

struct Shared {
    books: Mutex<Books>,
    clock: Clock,
    abandoned: Notify,
    /// The most bytes that were sent over one connection.
    most_sent: Arc<AtomicUsize>,
}

/// All it knows.
#[derive(Default)]
struct Books {
    deployments: Vec<Deployment>,
    /// Every production domain and the deployment it serves.
    domains: Vec<(String, Option<String>)>,
    pinned: bool,
    job: Option<Job>,
    description: Option<String>,
    rolling: Option<String>,
    /// The deployment whose promotion waits for the rolling release to end.
    queued: Option<String>,
    stuck: Vec<String>,
    hidden: Vec<String>,
    skips: bool,
    hobby: bool,
    moves_at_once: bool,
    status: Option<String>,
    next_answer: Option<Scripted>,
    next_fate: Fate,
    failing_reads: Option<u16>,
    retry_after: Option<&'static str>,
    nonsense: Option<Nonsense>,
    requests: Vec<(String, String)>,
    asked: usize,
    promotes: usize,
    unpins: usize,
    violations: Vec<String>,
    last_ms: i64,
    token_ends: Option<Timestamp>,
}

/// A status, a body and headers.
type Scripted = (u16, Value, Vec<(String, String)>);

/// What becomes of the next request to change something.
#[derive(Clone, Copy, Default, PartialEq)]
enum Fate {
    #[default]
    Answered,
    /// Done, and never answered.
    Hangs,
    /// Done, and the connection breaks before the answer.
    Breaks,
    /// Not done, and the connection breaks.
    Lost,
}

/// What something in between answers to everything, instead of Vercel.
#[derive(Clone, Copy, Debug)]
pub enum Nonsense {
    /// A page for people, and all is well.
    Html,
    /// A hundred megabytes of JSON that would be a thousand and more when it is read.
    Endless,
}

/// How much is sent where there should be no end, in bytes.
const ENDLESS: usize = 100 * 1024 * 1024;

impl Nonsense {
    fn answer(self, method: &Method) -> Response {
        static ZEROS: LazyLock<Bytes> = LazyLock::new(|| {
            let mut zeros = vec![b'0'; ENDLESS];
            zeros[0] = b'[';
            zeros[2..]
                .iter_mut()
                .step_by(2)
                .for_each(|byte| *byte = b',');
            zeros.into()
        });
        match self {
            Nonsense::Html => {
                let login = "<!doctype html><title>Sign in</title><p>Sign in to go on.";
                axum::response::Html(login).into_response()
            }
            Nonsense::Endless => {
                let status = match *method {
                    Method::GET => StatusCode::OK,
                    _ => StatusCode::BAD_REQUEST,
                };
                (status, ZEROS.clone()).into_response()
            }
        }
    }
}

#[derive(Clone)]
struct Deployment {
    uid: String,
    version: String,
    sha: String,
    message: String,
    by: String,
    created: i64,
    state: &'static str,
    substate: Option<&'static str>,
    assigned: Option<i64>,
    offered: bool,
}

struct Job {
    kind: &'static str,
    from: String,
    to: String,
    status: String,
    requested_at: i64,
    left: Vec<String>,
    failed: Vec<String>,
}

impl Vercel {
    /// Starts it with no deployments and [`DOMAINS`].
    pub async fn start(clock: Clock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            books: Mutex::new(Books {
                domains: DOMAINS.map(|name| (name.to_owned(), None)).to_vec(),
                ..Books::default()
            }),
            clock,
            abandoned: Notify::new(),
            most_sent: Arc::default(),
        });
        let app = Router::new()
            .fallback(answer)
            .with_state(shared.clone())
            .into_make_service_with_connect_info::<Cut>();
        let most_sent = shared.most_sent.clone();
        let server = tokio::spawn(async move {
            axum::serve(Cuttable(listener, most_sent), app)
                .await
                .expect("serving");
        });
        Self {
            shared,
            address,
            server,
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.shared.books.lock().expect("the books")
    }

    fn now(&self) -> i64 {
        (self.shared.clock)().as_millisecond()
    }

    /// Where it is.
    pub fn api_url(&self) -> Url {
        format!("http://{}", self.address).parse().expect("a url")
    }

    /// Replaces the production domains; all serve what most served.
    pub fn set_domains(&self, names: &[&str]) {
        let mut books = self.books();
        let live = books.live();
        books.domains = names
            .iter()
            .map(|name| ((*name).to_owned(), live.clone()))
            .collect();
    }

    /// A push to main that was built: live everywhere, unless automatic deploys are held off.
    /// Returns its id.
    pub fn deploy(&self, version: &str, sha: &str, message: &str, by: &str) -> String {
        let now = self.now();
        let mut books = self.books();
        let goes_live = !books.pinned;
        let uid = books.add(version, sha, message, by, now);
        let deployment = books.deployments.last_mut().expect("just added");
        deployment.state = "READY";
        deployment.substate = Some("STAGED");
        if goes_live {
            books.promoted(&uid, now);
            for (_, live) in &mut books.domains {
                *live = Some(uid.clone());
            }
        }
        uid
    }

    /// A push to main that ends or stands in `state`: `BUILDING`, `QUEUED`, `ERROR`, `CANCELED`.
    pub fn push(&self, version: &str, state: &'static str) -> String {
        let now = self.now();
        let mut books = self.books();
        let uid = books.add(version, "", "", "sam", now);
        books.deployments.last_mut().expect("just added").state = state;
        uid
    }

    /// The id of the deployment that is called so.
    pub fn id_of(&self, label: &str) -> String {
        self.books().uid(label)
    }

    /// Somebody lets automatic deploys go live again, on the platform.
    pub fn unpin(&self) {
        self.books().pinned = false;
    }

    /// Nobody may read what is behind this domain.
    pub fn hide_domain(&self, name: &str) {
        self.books().hidden.push(name.to_owned());
    }

    /// Takes it from the list of rollback candidates, as the end of its retention does.
    pub fn no_longer_offer(&self, label: &str) {
        let mut books = self.books();
        let uid = books.uid(label);
        books.deployment(&uid).offered = false;
    }

    /// Somebody points one domain elsewhere by hand.
    pub fn point(&self, domain: &str, label: &str) {
        let mut books = self.books();
        let uid = books.uid(label);
        books.set(domain, &uid);
    }

    /// Somebody rolls back in the dashboard: live everywhere, and deploys are held off from then on.
    pub fn roll_back(&self, label: &str) {
        let now = self.now();
        let mut books = self.books();
        let uid = books.uid(label);
        let at_once = std::mem::replace(&mut books.moves_at_once, true);
        books.begin("rollback", &uid, None, now);
        books.moves_at_once = at_once;
    }

    /// Somebody promotes a deployment in the dashboard: live everywhere, no longer held off.
    pub fn promote(&self, label: &str) {
        let now = self.now();
        let mut books = self.books();
        let uid = books.uid(label);
        let from = books.live().unwrap_or_default();
        books.promoted(&uid, now);
        for (_, live) in &mut books.domains {
            *live = Some(uid.clone());
        }
        books.pinned = false;
        books.description = None;
        let requested_at = books.tick(now);
        books.job = Some(Job {
            kind: "promote",
            from,
            to: uid,
            status: "succeeded".into(),
            requested_at,
            left: vec![],
            failed: vec![],
        });
    }

    /// A rolling release to this deployment is under way; `None` ends it, and the promotion that
    /// waited for that begins.
    pub fn rolling_release(&self, label: Option<&str>) {
        let now = self.now();
        let mut books = self.books();
        books.rolling = label.map(|label| books.uid(label));
        if books.rolling.is_none()
            && let Some(to) = books.queued.take()
        {
            books.begin("promote", &to, None, now);
        }
    }

    /// What most domains serve, by its version.
    pub fn production(&self) -> String {
        let books = self.books();
        books
            .live()
            .map_or("nothing".into(), |uid| books.label(&uid))
    }

    /// What one domain serves, by its version.
    pub fn serving(&self, domain: &str) -> String {
        let books = self.books();
        books
            .at(domain)
            .map_or("nothing".into(), |uid| books.label(&uid))
    }

    /// How many domains serve this version.
    pub fn serves(&self, label: &str) -> usize {
        let books = self.books();
        let uid = books.uid(label);
        let serves = |(_, live): &&(String, Option<String>)| live.as_ref() == Some(&uid);
        books.domains.iter().filter(serves).count()
    }

    /// Whether automatic deploys are held off.
    pub fn is_pinned(&self) -> bool {
        self.books().pinned
    }

    /// The reason stored with the last rollback.
    pub fn description(&self) -> Option<String> {
        self.books().description.clone()
    }

    /// Every request that arrived: method, path and query.
    pub fn requests(&self) -> Vec<(String, String)> {
        self.books().requests.clone()
    }

    /// How many requests to roll back arrived, done or not.
    pub fn rollbacks_asked(&self) -> usize {
        self.books().asked
    }

    /// How many requests to promote arrived, done or not.
    pub fn promotes_asked(&self) -> usize {
        self.books().promotes
    }

    /// How many requests to change the project arrived, done or not.
    pub fn unpins_asked(&self) -> usize {
        self.books().unpins
    }

    /// Everything that was asked in a way the API does not have.
    pub fn violations(&self) -> Vec<String> {
        self.books().violations.clone()
    }

    /// Takes the job one step on: it begins, then one domain moves, and with the last it ends.
    pub fn advance(&self) {
        let now = self.now();
        self.books().advance(now);
    }

    /// Takes the job on until so many domains serve its target, or until it ends.
    pub fn advance_to(&self, domains: usize) {
        let now = self.now();
        let mut books = self.books();
        while !books.job_ended() && books.on_target() < domains {
            books.advance(now);
        }
    }

    /// Whether a job is done with the request for it.
    pub fn moves_at_once(&self, at_once: bool) {
        self.books().moves_at_once = at_once;
    }

    /// The domains that jobs fail to move from now on.
    pub fn fail_aliases(&self, names: &[&str]) {
        self.books().stuck = names.iter().map(|name| (*name).to_owned()).collect();
    }

    /// Jobs are skipped from now on: nothing moves.
    pub fn skip_jobs(&self) {
        self.books().skips = true;
    }

    /// What is shown as the job's state, whatever it is; `None`: the truth.
    pub fn show_job_as(&self, status: Option<&str>) {
        self.books().status = status.map(str::to_owned);
    }

    /// The token expires then.
    pub fn token_ends(&self, at: Timestamp) {
        self.books().token_ends = Some(at);
    }

    /// On the Hobby plan only the deployment before the live one is taken.
    pub fn hobby_plan(&self) {
        self.books().hobby = true;
    }

    /// The next request to change something is answered so, and not done.
    pub fn answer_next(&self, status: u16, body: Value, headers: &[(&str, &str)]) {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        self.books().next_answer = Some((status, body, headers));
    }

    /// Every request to change something, and every read if `reads` too, is answered 429 with this
    /// `Retry-After`; `None`: Vercel answers.
    pub fn is_busy(&self, retry_after: Option<&'static str>, reads: bool) {
        let mut books = self.books();
        books.retry_after = retry_after;
        books.failing_reads = (reads && retry_after.is_some()).then_some(429);
    }

    /// Every read is answered with this status from now on; `None`: reads work again.
    pub fn fail_reads(&self, status: impl Into<Option<u16>>) {
        self.books().failing_reads = status.into();
    }

    /// Everything is answered with this from now on, and nothing is done; `None`: Vercel answers.
    pub fn talk_nonsense(&self, nonsense: Option<Nonsense>) {
        self.books().nonsense = nonsense;
    }

    /// How many bytes were sent over one connection at most.
    pub fn most_sent(&self) -> usize {
        self.shared.most_sent.load(Ordering::SeqCst)
    }

    /// The next request to change something is done and stays unanswered until [`Vercel::abandon`].
    pub fn hang_after_accepting(&self) {
        self.books().next_fate = Fate::Hangs;
    }

    /// The next request to change something is done, and its connection breaks before the answer.
    pub fn break_after_accepting(&self) {
        self.books().next_fate = Fate::Breaks;
    }

    /// The next request to change something arrives, is not done, and its connection breaks.
    pub fn lose_without_doing(&self) {
        self.books().next_fate = Fate::Lost;
    }

    /// Breaks the connections of all requests that are kept waiting.
    pub fn abandon(&self) {
        self.shared.abandoned.notify_waiters();
    }
}

impl Books {
    /// A moment that no other one here has.
    fn tick(&mut self, now: i64) -> i64 {
        self.last_ms = now.max(self.last_ms + 1);
        self.last_ms
    }

    fn add(&mut self, version: &str, sha: &str, message: &str, by: &str, now: i64) -> String {
        let uid = format!("dpl_8F3kQzTn{:0>16}", self.deployments.len() + 1);
        let created = self.tick(now);
        self.deployments.push(Deployment {
            uid: uid.clone(),
            version: version.into(),
            sha: sha.into(),
            message: message.into(),
            by: by.into(),
            created,
            state: "READY",
            substate: None,
            assigned: None,
            offered: false,
        });
        uid
    }

    fn promoted(&mut self, uid: &str, now: i64) {
        let deployment = self.deployment(uid);
        deployment.substate = Some("PROMOTED");
        deployment.assigned = Some(now.max(deployment.created));
        deployment.offered = true;
    }

    fn deployment(&mut self, uid: &str) -> &mut Deployment {
        self.deployments
            .iter_mut()
            .find(|deployment| deployment.uid == uid)
            .expect("a deployment of this project")
    }

    fn uid(&self, label: &str) -> String {
        self.deployments
            .iter()
            .rev()
            .find(|deployment| deployment.version == label || deployment.uid == label)
            .unwrap_or_else(|| panic!("no deployment is called {label}"))
            .uid
            .clone()
    }

    fn label(&self, uid: &str) -> String {
        self.deployments
            .iter()
            .find(|deployment| deployment.uid == uid)
            .map_or_else(|| uid.to_owned(), |deployment| deployment.version.clone())
    }

    fn live(&self) -> Option<String> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for uid in self.domains.iter().filter_map(|(_, live)| live.as_deref()) {
            *counts.entry(uid).or_default() += 1;
        }
        counts
            .into_iter()
            .max_by_key(|(_, count)| *count)
            .map(|(uid, _)| uid.to_owned())
    }

    fn at(&self, domain: &str) -> Option<String> {
        if domain == AUTOMATIC {
            let built = |deployment: &&Deployment| deployment.state == "READY";
            return self
                .deployments
                .iter()
                .rev()
                .find(built)
                .map(|deployment| deployment.uid.clone());
        }
        self.domains
            .iter()
            .find(|(name, _)| name == domain)
            .and_then(|(_, live)| live.clone())
    }

    fn set(&mut self, domain: &str, uid: &str) {
        let (_, live) = self
            .domains
            .iter_mut()
            .find(|(name, _)| name == domain)
            .expect("a domain of this project");
        *live = Some(uid.to_owned());
    }

    fn on_target(&self) -> usize {
        let Some(job) = &self.job else { return 0 };
        let serves = |(_, live): &&(String, Option<String>)| live.as_ref() == Some(&job.to);
        self.domains.iter().filter(serves).count()
    }

    /// The domains that the last job could not move, if it was of this kind.
    fn failed(&self, kind: &str) -> &[String] {
        self.job
            .as_ref()
            .filter(|job| job.kind == kind)
            .map_or(&[], |job| &job.failed)
    }

    fn job_ended(&self) -> bool {
        self.job
            .as_ref()
            .is_none_or(|job| !matches!(job.status.as_str(), "pending" | "in-progress"))
    }

    fn begin(&mut self, kind: &'static str, to: &str, description: Option<String>, now: i64) {
        let requested_at = self.tick(now);
        self.job = Some(Job {
            kind,
            from: self.live().unwrap_or_default(),
            to: to.to_owned(),
            status: if self.skips { "skipped" } else { "pending" }.into(),
            requested_at,
            left: self
                .domains
                .iter()
                .filter(|(_, live)| live.as_deref() != Some(to))
                .map(|(name, _)| name.clone())
                .collect(),
            failed: vec![],
        });
        self.pinned = kind == "rollback";
        self.description = description;
        while self.moves_at_once && !self.job_ended() {
            self.advance(now);
        }
    }

    fn advance(&mut self, now: i64) {
        if self.job_ended() {
            return;
        }
        let Some(job) = &mut self.job else { return };
        if job.status == "pending" {
            job.status = "in-progress".into();
            return;
        }
        if !job.left.is_empty() {
            let name = job.left.remove(0);
            let to = job.to.clone();
            if self.stuck.contains(&name) {
                job.failed.push(name);
            } else {
                self.set(&name, &to);
                self.promoted(&to, now);
            }
        }
        let Some(job) = &mut self.job else { return };
        if job.left.is_empty() {
            job.status = match job.failed.len() {
                0 => "succeeded".into(),
                _ => "failed".into(),
            };
        }
    }
}

/// Whether the connection of a request is to break instead of answering.
#[derive(Clone, Default)]
struct Cut(Arc<AtomicBool>);

/// Counts the most bytes that are sent over one connection.
struct Cuttable(TcpListener, Arc<AtomicUsize>);

struct CuttableStream {
    stream: TcpStream,
    cut: Cut,
    sent: usize,
    most_sent: Arc<AtomicUsize>,
}

impl Listener for Cuttable {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            if let Ok((stream, address)) = self.0.accept().await {
                let stream = CuttableStream {
                    stream,
                    cut: Cut::default(),
                    sent: 0,
                    most_sent: self.1.clone(),
                };
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Cuttable>> for Cut {
    fn connect_info(stream: IncomingStream<'_, Cuttable>) -> Self {
        stream.io().cut.clone()
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.cut.0.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(written)) = written {
            self.sent += written;
            self.most_sent.fetch_max(self.sent, Ordering::SeqCst);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Takes every request.
async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now = (shared.clock)().as_millisecond();
    let path: Vec<&str> = uri.path().split('/').skip(1).collect();
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    // Made before anything is done, so that giving up right after it counts too.
    let abandoned = shared.abandoned.notified();
    let (fate, answer) = {
        let mut books = shared.books.lock().expect("the books");
        books.requests.push((
            method.to_string(),
            uri.path_and_query().map_or("/", |it| it.as_str()).into(),
        ));
        if let Some(what) = violation(&method, &path, &query, &body) {
            books.violations.push(format!("{method} {uri}: {what}"));
        }
        match (&method, path.as_slice()) {
            (&Method::PATCH, _) => books.unpins += 1,
            (&Method::POST, [.., "promote", _]) => books.promotes += 1,
            (&Method::POST, _) => books.asked += 1,
            _ => {}
        }
        if !may(&headers, &query) {
            (Fate::Answered, error(403, "forbidden", "Not authorized"))
        } else if let Some(nonsense) = books.nonsense {
            (Fate::Answered, nonsense.answer(&method))
        } else if method != Method::GET {
            change(&mut books, &path, &query, &body, now)
        } else if let Some(status) = books.failing_reads {
            (Fate::Answered, failing(status, books.retry_after))
        } else {
            (Fate::Answered, show(&books, &path, &query))
        }
    };
    match fate {
        Fate::Answered => return answer,
        Fate::Hangs => abandoned.await,
        Fate::Breaks | Fate::Lost => {}
    }
    cut.0.store(true, Ordering::SeqCst);
    answer
}

fn get<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

fn may(headers: &HeaderMap, query: &[(String, String)]) -> bool {
    let bearer = format!("Bearer {TOKEN}");
    let known = headers
        .get("authorization")
        .is_some_and(|given| given.as_bytes() == bearer.as_bytes());
    let team = match (get(query, "teamId"), get(query, "slug")) {
        (Some(id), None) => id == TEAM_ID,
        (None, Some(slug)) => slug == TEAM_SLUG,
        _ => false,
    };
    known && team
}

/// What the API does not have about this request.
fn violation(
    method: &Method,
    path: &[&str],
    query: &[(String, String)],
    body: &[u8],
) -> Option<String> {
    let fits = |pattern: &[&str]| {
        pattern.len() == path.len()
            && pattern
                .iter()
                .zip(path)
                .all(|(part, given)| part == given || (*part == "*" && !given.is_empty()))
    };
    let Some((.., allowed)) = SPEC
        .iter()
        .find(|(verb, pattern, _)| method == verb && fits(pattern))
    else {
        return Some("no such call".into());
    };
    for (at, (name, value)) in query.iter().enumerate() {
        if !allowed.contains(&name.as_str()) && !["teamId", "slug"].contains(&name.as_str()) {
            return Some(format!("no parameter {name}"));
        }
        if query[..at].iter().any(|(before, _)| before == name) {
            return Some(format!("{name} is there twice"));
        }
        let fine = match name.as_str() {
            "limit" => value
                .parse()
                .is_ok_and(|limit: u16| (1..=100).contains(&limit)),
            "since" | "until" => value.parse::<i64>().is_ok(),
            "rollbackInfo" | "rollbackCandidate" | "failedOnly" => {
                ["true", "false"].contains(&value.as_str())
            }
            "description" => value.encode_utf16().count() <= 250,
            "teamId" => value.starts_with("team_"),
            _ => !value.is_empty(),
        };
        if !fine {
            return Some(format!("{name} may not be {value:?}"));
        }
    }
    if !query
        .iter()
        .any(|(name, _)| name == "teamId" || name == "slug")
    {
        return Some("no team".into());
    }
    if method == Method::POST {
        if serde_json::from_slice::<Value>(body).ok() != Some(json!({})) {
            return Some("the body is not {}".into());
        }
        if !path[2].starts_with("prj_") || !path[4].starts_with("dpl_") {
            return Some("ids are asked for, not names".into());
        }
    } else if method == Method::PATCH {
        let settings = serde_json::from_slice::<Value>(body).unwrap_or_default();
        let is_known = |(name, value): (&String, &Value)| {
            name == "autoAssignCustomDomains" && value.is_boolean()
        };
        if !settings
            .as_object()
            .is_some_and(|settings| !settings.is_empty() && settings.iter().all(is_known))
        {
            return Some("the body has a setting that is not known".into());
        }
    } else if !body.is_empty() {
        return Some("a read has no body".into());
    }
    None
}

fn ok(body: Value) -> Response {
    axum::Json(body).into_response()
}

fn error(status: u16, code: &str, message: &str) -> Response {
    let body = json!({"error": {"code": code, "message": message}});
    (status_of(status), axum::Json(body)).into_response()
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("a status")
}

fn failing(status: u16, retry_after: Option<&'static str>) -> Response {
    let mut response = match status {
        429 => error(429, "rate_limited", "Rate limit exceeded"),
        403 => error(403, "forbidden", "Not authorized"),
        _ => error(
            status,
            "internal_server_error",
            "An unexpected error occurred",
        ),
    };
    if status == 429 {
        response.headers_mut().insert(
            "retry-after",
            HeaderValue::from_static(retry_after.unwrap_or("2")),
        );
    }
    response
}

fn not_found() -> Response {
    error(404, "not_found", "The resource was not found")
}

/// A request to change something.
fn change(
    books: &mut Books,
    path: &[&str],
    query: &[(String, String)],
    body: &[u8],
    now: i64,
) -> (Fate, Response) {
    let fate = std::mem::take(&mut books.next_fate);
    if fate == Fate::Lost {
        return (fate, not_found());
    }
    if let Some(retry_after) = books.retry_after {
        return (Fate::Answered, failing(429, Some(retry_after)));
    }
    if let Some((status, body, headers)) = books.next_answer.take() {
        let mut response = (status_of(status), axum::Json(body)).into_response();
        for (name, value) in headers {
            response.headers_mut().insert(
                name.parse::<HeaderName>().expect("a header's name"),
                value.parse().expect("a header's value"),
            );
        }
        return (fate, response);
    }
    let response = match *path {
        ["v1", "projects", PROJECT_ID, "rollback", to] => {
            let description = get(query, "description").map(str::to_owned);
            ask(books, "rollback", to, description, now)
        }
        ["v10", "projects", PROJECT_ID, "promote", to] => ask(books, "promote", to, None, now),
        ["v9", "projects", PROJECT | PROJECT_ID] => {
            let settings = serde_json::from_slice::<Value>(body).unwrap_or_default();
            if let Some(assign) = settings["autoAssignCustomDomains"].as_bool() {
                books.pinned = !assign;
            }
            ok(project(books, &[]))
        }
        _ => not_found(),
    };
    (fate, response)
}

/// A request to move the production domains.
fn ask(
    books: &mut Books,
    kind: &'static str,
    to: &str,
    description: Option<String>,
    now: i64,
) -> Response {
    let Some(target) = books
        .deployments
        .iter()
        .find(|deployment| deployment.uid == to)
        .cloned()
    else {
        return not_found();
    };
    if books
        .domains
        .iter()
        .all(|(_, live)| live.as_deref() == Some(to))
    {
        let said = format!(
            "The provided deploymentId ({to}) is already the current production deployment."
        );
        return error(409, "conflict", &said);
    }
    if !books.job_ended() {
        let said = "Another request to move the production domains is in progress.";
        return error(409, "conflict", said);
    }
    if target.state != "READY" {
        return error(400, "bad_request", "The deployment is not ready.");
    }
    if kind == "promote" {
        if books.rolling.is_some() {
            books.queued = Some(to.to_owned());
            return StatusCode::ACCEPTED.into_response();
        }
        books.begin(kind, to, None, now);
        return StatusCode::CREATED.into_response();
    }
    if !target.offered {
        let said = "The deployment is not a rollback candidate.";
        return error(400, "bad_request", said);
    }
    if books.hobby {
        let before = books.live().map(|live| books.deployment(&live).created);
        let previous = books
            .deployments
            .iter()
            .rev()
            .find(|other| other.offered && Some(other.created) < before);
        if previous.is_some_and(|previous| previous.uid != to) {
            let said =
                "To roll back further than the previous production deployment, upgrade to pro";
            return error(402, "payment_required", said);
        }
    }
    books.begin(kind, to, description, now);
    StatusCode::CREATED.into_response()
}

/// A read.
fn show(books: &Books, path: &[&str], query: &[(String, String)]) -> Response {
    let is_ours = |name: &str| name == PROJECT || name == PROJECT_ID;
    match *path {
        ["v5", "user", "tokens", "current"] => {
            let mut token = json!({"id": "5d9f2ebd38ddca62e5d51e9c1704c72530bdc8bfdd41e782a6687c48399e8391", "name": "rollback-bot"});
            if let Some(at) = books.token_ends {
                token["expiresAt"] = json!(at.as_millisecond());
            }
            ok(json!({"token": token}))
        }
        ["v9", "projects", name] if is_ours(name) => ok(project(books, query)),
        ["v9", "projects", id, "rollback", "aliases"] if id == PROJECT_ID => {
            let aliases: Vec<Value> = books
                .failed("rollback")
                .iter()
                .enumerate()
                .map(|(at, name)| {
                    json!({
                        "alias": {"alias": name, "deploymentId": books.at(name)},
                        "id": format!("als_{at:0>24}"), "status": "failed",
                    })
                })
                .collect();
            ok(json!({"aliases": aliases, "pagination": null}))
        }
        // Here a name is a text, there it is in an object; and before the first one there is `{}`.
        ["v1", "projects", id, "promote", "aliases"] if id == PROJECT_ID => {
            if books.job.as_ref().is_none_or(|job| job.kind != "promote") {
                return ok(json!({}));
            }
            let aliases: Vec<Value> = books
                .failed("promote")
                .iter()
                .enumerate()
                .map(|(at, name)| {
                    json!({"alias": name, "id": format!("als_{at:0>24}"), "status": "failed"})
                })
                .collect();
            ok(json!({
                "pagination": {"count": aliases.len(), "next": null, "prev": null},
                "aliases": aliases,
            }))
        }
        ["v1", "projects", name, "rolling-release"] if is_ours(name) => ok(
            json!({"rollingRelease": books.rolling.as_ref().map(|uid| json!({
                "state": "ACTIVE", "advancementType": "automatic",
                "canaryDeployment": {"id": uid, "name": books.label(uid), "readyState": "READY"},
            }))}),
        ),
        ["v6", "deployments"] => {
            if !get(query, "projectId").is_some_and(is_ours) {
                return not_found();
            }
            let until = get(query, "until").and_then(|until| until.parse::<i64>().ok());
            let limit = get(query, "limit")
                .and_then(|limit| limit.parse().ok())
                .unwrap_or(20);
            let mut fitting: Vec<&Deployment> = books
                .deployments
                .iter()
                .rev()
                .filter(|it| until.is_none_or(|until| it.created < until))
                .filter(|it| get(query, "state").is_none_or(|state| state == it.state))
                .filter(|it| get(query, "rollbackCandidate") != Some("true") || it.offered)
                .collect();
            let more = fitting.len() > limit;
            fitting.truncate(limit);
            let next = fitting.last().map(|last| last.created).filter(|_| more);
            let listed: Vec<Value> = fitting.iter().map(|it| listed(it)).collect();
            ok(json!({
                "deployments": listed,
                "pagination": {"count": listed.len(), "next": next, "prev": null},
            }))
        }
        ["v13", "deployments", name] if books.hidden.iter().any(|hidden| hidden == name) => {
            error(403, "forbidden", "Not authorized")
        }
        ["v13", "deployments", name] => {
            let uid = books.at(name).unwrap_or_else(|| name.to_owned());
            match books.deployments.iter().find(|it| it.uid == uid) {
                Some(deployment) => ok(one(books, deployment)),
                None => not_found(),
            }
        }
        _ => not_found(),
    }
}

/// A deployment as the list has it.
fn listed(it: &Deployment) -> Value {
    json!({
        "uid": it.uid,
        "name": PROJECT,
        "projectId": PROJECT_ID,
        "url": format!("{PROJECT}-{}-{TEAM_SLUG}.vercel.app", it.sha),
        "created": it.created,
        "createdAt": it.created,
        "buildingAt": it.created,
        "ready": (it.state == "READY").then_some(it.created),
        "source": "git",
        "state": it.state,
        "readyState": it.state,
        "readySubstate": it.substate,
        "type": "LAMBDAS",
        "target": "production",
        "aliasError": null,
        "aliasAssigned": it.assigned,
        "isRollbackCandidate": it.offered,
        "creator": {"uid": "VTRHNXlkQ4eO8oWnU2sYbJ3p", "email": format!("{}@example.com", it.by), "username": it.by, "githubLogin": it.by},
        "inspectorUrl": format!("https://vercel.com/{TEAM_SLUG}/{PROJECT}/{}", it.uid.trim_start_matches("dpl_")),
        "meta": meta(it),
    })
}

/// A deployment as it is read by its id or by a name that leads to it.
fn one(books: &Books, it: &Deployment) -> Value {
    let names: Vec<&str> = books
        .domains
        .iter()
        .filter(|(_, live)| live.as_ref() == Some(&it.uid))
        .map(|(name, _)| name.as_str())
        .collect();
    json!({
        "id": it.uid,
        "name": PROJECT,
        "projectId": PROJECT_ID,
        "ownerId": TEAM_ID,
        "url": format!("{PROJECT}-{}-{TEAM_SLUG}.vercel.app", it.sha),
        "createdAt": it.created,
        "ready": (it.state == "READY").then_some(it.created),
        "readyState": it.state,
        "status": it.state,
        "readySubstate": it.substate,
        "target": "production",
        "alias": names,
        "automaticAliases": [],
        "aliasAssigned": it.assigned.is_some(),
        "aliasAssignedAt": it.assigned,
        "creator": {"uid": "VTRHNXlkQ4eO8oWnU2sYbJ3p", "username": it.by},
        "team": {"id": TEAM_ID, "name": "Acme", "slug": TEAM_SLUG},
        "regions": ["fra1"],
        "version": 2,
        "plan": "pro",
        "meta": meta(it),
    })
}

fn meta(it: &Deployment) -> Value {
    json!({
        "version": it.version,
        "githubDeployment": "1",
        "githubOrg": TEAM_SLUG,
        "githubRepo": PROJECT,
        "githubCommitRef": "main",
        "githubCommitSha": it.sha,
        "githubCommitMessage": it.message,
        "githubCommitAuthorLogin": it.by,
    })
}

fn project(books: &Books, query: &[(String, String)]) -> Value {
    let names: Vec<&str> = books
        .domains
        .iter()
        .map(|(name, _)| name.as_str())
        .chain([AUTOMATIC])
        .collect();
    let live = books.live();
    let production = live.as_ref().map(|uid| {
        json!({
            "id": uid, "name": PROJECT, "readyState": "READY", "readySubstate": "PROMOTED",
            "target": "production", "alias": names, "automaticAliases": [AUTOMATIC],
        })
    });
    let mut project = json!({
        "id": PROJECT_ID,
        "name": PROJECT,
        "accountId": TEAM_ID,
        "framework": "nextjs",
        "nodeVersion": "22.x",
        "live": false,
        "link": {"type": "github", "org": TEAM_SLUG, "repo": PROJECT, "productionBranch": "main", "deployHooks": []},
        "autoAssignCustomDomains": !books.pinned,
        "targets": {"production": production},
        "latestDeployments": [],
        "rollingRelease": books.rolling.as_ref().map(|_| json!({"target": "production", "stages": [{"targetPercentage": 10}, {"targetPercentage": 100}]})),
        "rollbackDescription": books.description.as_ref().map(|said| json!({"userId": "u1", "username": "bot", "description": said, "createdAt": 0})),
        "lastRollbackTarget": null,
    });
    // Not documented: without being asked for, it is left out.
    if get(query, "rollbackInfo") == Some("true") {
        project["lastAliasRequest"] = match &books.job {
            Some(job) => json!({
                "fromDeploymentId": job.from,
                "toDeploymentId": job.to,
                "jobStatus": books.status.as_ref().unwrap_or(&job.status),
                "requestedAt": job.requested_at,
                "type": job.kind,
            }),
            None => Value::Null,
        };
    }
    project
}

/// The fake keeps what it promises, and the provider understands it: one is tried with the other.
#[cfg(test)]
mod promises {
    use super::*;
    use rollback_domain::{
        grammar::Target,
        people::Person,
        plan::{Aim, Plan},
        platform::{About, Order, Progress, ProviderError, Receipt},
        refusal::Source,
        release::{Pin as Held, Way},
        rollback::{Proposal, Rollback},
    };
    use rollback_providers::{
        Provider,
        vercel::{Vercel as Platform, VercelSettings},
    };
    use rollback_settings::Secret;
    use std::time::Duration;

    /// v211, v212 and v213, of which the last is live.
    async fn shop() -> (Vercel, Platform) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let start: Timestamp = "2026-03-01T02:41:00Z".parse().unwrap();
        let vercel = Vercel::start(Arc::new(move || start)).await;
        vercel.deploy("v211", "1111111aaaa", "Add gift cards", "kim");
        vercel.deploy("v212", "2222222bbbb", "Fix the cart\n\nfor real", "kim");
        vercel.deploy("v213", "3333333cccc", "New checkout", "sam");
        let platform = platform(&vercel, TOKEN, Some(TEAM_SLUG));
        (vercel, platform)
    }

    fn platform(vercel: &Vercel, token: &str, team: Option<&str>) -> Platform {
        Platform::new(reqwest::Client::new(), settings(vercel, token, team))
    }

    fn settings(vercel: &Vercel, token: &str, team: Option<&str>) -> VercelSettings {
        VercelSettings {
            project: PROJECT.into(),
            team: team.map(str::to_owned),
            token: Secret::new(token),
            api_url: vercel.api_url(),
        }
    }

    /// What the provider is told of it.
    fn order(rollback: &Rollback) -> Order {
        rollback.order(None).expect("it has a plan")
    }

    async fn planned(platform: &Platform, to: &str) -> Rollback {
        drawn(platform, to, None).await
    }

    async fn undone(platform: &Platform, to: &str) -> Rollback {
        drawn(platform, to, Some(41)).await
    }

    async fn drawn(platform: &Platform, to: &str, undoes: Option<u64>) -> Rollback {
        let survey = platform.survey(&About::default()).await.unwrap();
        let now = "2026-03-01T02:42:00Z".parse().unwrap();
        let aim = Aim {
            part: None,
            target: Target::Named(to.into()),
            utc_offset: 0,
            undoes: undoes.map(RollbackId::new),
        };
        let plan = Plan::draw(
            rollback_domain::plan::Basis {
                service: &ServiceKey::new("frontend", "production"),
                survey: &survey,
                effects: &platform.effects(aim.way()),
                history: &rollback_domain::history::History::default(),
                risks: &rollback_domain::risk::RiskRules::default(),
            },
            &aim,
            now,
        )
        .unwrap();
        let (mut rollback, _) = Proposal {
            drill: None,
            channel: "C1".into(),
            service: ServiceKey::new(PROJECT, "production"),
            requester: Person::new("U1", "sam"),
            because: Some("checkout is down".into()),
            evidence: vec![],
            aim,
            source: Source::Bot,
            commanded: now,
            target_time: None,
            reply_to: None,
            replaces: None,
            waiting: rollback_domain::rollback::Waiting::default(),
            turns: vec![],
            part_of: None,
        }
        .open(RollbackId::new(41), IncidentId::new(1));
        rollback.memory = survey.memory;
        rollback.plan = Some(plan);
        rollback.times.asked = Some(now);
        rollback
    }

    async fn served(platform: &Platform, rollback: &Rollback) -> (usize, usize, String) {
        match platform.observe(&order(rollback)).await.unwrap() {
            Progress::Serving { surfaces, said, .. } => {
                let to = rollback.plan.as_ref().map(|plan| plan.to.id.clone());
                let n = surfaces.iter().filter(|it| it.live == to).count();
                (n, surfaces.len(), said)
            }
            other => panic!("{other:?}"),
        }
    }

    fn busy(answer: Result<Receipt, ProviderError>) -> Option<u64> {
        match answer {
            Err(ProviderError::Busy { retry_after, .. }) => retry_after,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_job_moves_domain_by_domain() {
        let (vercel, platform) = shop().await;
        let said = platform.check().await.unwrap();
        assert_eq!(
            said,
            format!("project frontend ({PROJECT_ID}) readable, 8 production domains")
        );
        let rollback = planned(&platform, "v212").await;
        let plan = rollback.plan.as_ref().unwrap();
        assert_eq!((plan.surfaces.len(), plan.pin), (8, Held::Off));
        assert_eq!(plan.to.message.as_deref(), Some("Fix the cart"));
        assert!(matches!(
            platform.observe(&order(&rollback)).await.unwrap(),
            Progress::NotAsked { .. }
        ));
        let receipt = platform.act(&order(&rollback)).await.unwrap();
        assert_eq!(receipt.said, "job accepted");
        assert!(vercel.is_pinned());
        assert_eq!(
            vercel.description().as_deref(),
            Some("RB-41 @sam: checkout is down")
        );
        assert_eq!(
            served(&platform, &rollback).await,
            (0, 8, "job pending".into())
        );
        vercel.advance();
        vercel.advance();
        assert_eq!(vercel.serving("shop.example.com"), "v212");
        assert_eq!(vercel.production(), "v213");
        assert_eq!(
            served(&platform, &rollback).await,
            (1, 8, "job in progress".into())
        );
        vercel.show_job_as(Some("resting"));
        let (n, _, said) = served(&platform, &rollback).await;
        assert_eq!(n, 1);
        assert!(said.contains("resting"), "{said}");
        vercel.show_job_as(None);
        vercel.advance_to(7);
        assert_eq!(served(&platform, &rollback).await.0, 7);
        vercel.advance_to(8);
        assert_eq!(
            served(&platform, &rollback).await,
            (8, 8, "job succeeded".into())
        );
        assert_eq!(
            (vercel.production(), vercel.serves("v212")),
            ("v212".into(), 8)
        );
        // Held off: the next push is built and stays away from production.
        vercel.deploy("v214", "4444444dddd", "Repair checkout", "sam");
        assert_eq!(vercel.production(), "v212");
        let survey = platform.survey(&About::default()).await.unwrap();
        assert_eq!(survey.pin, Held::On);
        assert_eq!(survey.live().unwrap().label(), "v212");
        assert_eq!(
            survey.candidates[0].barred.as_deref(),
            Some("it never served production (STAGED)")
        );
        // A person undoes it.
        vercel.promote("v214");
        assert_eq!(vercel.production(), "v214");
        assert!(!vercel.is_pinned());
        assert!(matches!(
            platform.observe(&order(&rollback)).await.unwrap(),
            Progress::NotAsked { .. }
        ));
        assert_eq!(vercel.rollbacks_asked(), 1);
        assert_eq!(vercel.violations(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_stuck_domain_ends_the_job_partly_and_all_of_them_end_it_failed() {
        let (vercel, platform) = shop().await;
        vercel.moves_at_once(true);
        vercel.fail_aliases(&["checkout.example.com"]);
        let rollback = planned(&platform, "v212").await;
        platform.act(&order(&rollback)).await.unwrap();
        match platform.observe(&order(&rollback)).await.unwrap() {
            Progress::Partial { failed, .. } => assert_eq!(failed, ["checkout.example.com"]),
            other => panic!("{other:?}"),
        }
        let (vercel, platform) = shop().await;
        vercel.set_domains(&["a.example.com"]);
        vercel.moves_at_once(true);
        vercel.fail_aliases(&["a.example.com"]);
        let rollback = planned(&platform, "v212").await;
        platform.act(&order(&rollback)).await.unwrap();
        match platform.observe(&order(&rollback)).await.unwrap() {
            Progress::Failed { why, .. } => assert!(why.contains("a.example.com"), "{why}"),
            other => panic!("{other:?}"),
        }
        vercel.skip_jobs();
        platform.act(&order(&rollback)).await.unwrap();
        assert!(matches!(
            platform.observe(&order(&rollback)).await.unwrap(),
            Progress::Failed { .. }
        ));
        assert_eq!(vercel.violations(), Vec::<String>::new());
    }

    /// v212 is back, v213 is what was left, and it is not offered for instant rollback.
    async fn after_a_rollback() -> (Vercel, Platform) {
        let (vercel, platform) = shop().await;
        vercel.moves_at_once(true);
        let rollback = planned(&platform, "v212").await;
        platform.act(&order(&rollback)).await.unwrap();
        assert_eq!((vercel.serves("v212"), vercel.is_pinned()), (8, true));
        vercel.moves_at_once(false);
        vercel.no_longer_offer("v213");
        (vercel, platform)
    }

    #[tokio::test]
    async fn a_promotion_undoes_it_domain_by_domain() {
        let (vercel, platform) = after_a_rollback().await;
        let undo = undone(&platform, "v213").await;
        let plan = undo.plan.as_ref().unwrap();
        assert_eq!((plan.way, plan.pin), (Way::Forward, Held::On));
        // The rollback's own job says nothing of this one.
        assert!(matches!(
            platform.observe(&order(&undo)).await.unwrap(),
            Progress::NotAsked { .. }
        ));
        let receipt = platform.act(&order(&undo)).await.unwrap();
        assert_eq!(receipt.said, "job accepted");
        assert_eq!((vercel.is_pinned(), vercel.description()), (false, None));
        assert_eq!(served(&platform, &undo).await, (0, 8, "job pending".into()));
        vercel.advance_to(3);
        assert_eq!(
            served(&platform, &undo).await,
            (3, 8, "job in progress".into())
        );
        vercel.advance_to(8);
        assert_eq!(
            served(&platform, &undo).await,
            (8, 8, "job succeeded".into())
        );
        assert_eq!(
            platform.survey(&About::default()).await.unwrap().pin,
            Held::Off
        );
        // Asked once more, it is where it was asked to be.
        let receipt = platform.act(&order(&undo)).await.unwrap();
        assert!(receipt.said.contains("already"), "{}", receipt.said);
        // The next push goes live again.
        vercel.deploy("v214", "4444444dddd", "Repair checkout", "sam");
        assert_eq!(vercel.production(), "v214");
        assert_eq!((vercel.rollbacks_asked(), vercel.promotes_asked()), (1, 2));
        let asked: Vec<_> = vercel
            .requests()
            .into_iter()
            .filter(|(method, path)| method == "POST" && path.contains("promote"))
            .map(|(_, path)| path)
            .collect();
        let to = &plan.to.id;
        assert_eq!(
            asked[0],
            format!("/v10/projects/{PROJECT_ID}/promote/{to}?slug={TEAM_SLUG}")
        );
        assert_eq!(vercel.violations(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_promotion_can_end_partly_or_not_at_all_or_in_the_way_of_another_job() {
        let (vercel, platform) = after_a_rollback().await;
        let undo = undone(&platform, "v213").await;
        vercel.fail_aliases(&["checkout.example.com"]);
        platform.act(&order(&undo)).await.unwrap();
        match platform.act(&order(&undo)).await {
            Err(ProviderError::Refused(why)) => {
                assert!(why.contains("cannot promote v213"), "{why}")
            }
            other => panic!("{other:?}"),
        }
        vercel.advance_to(8);
        match platform.observe(&order(&undo)).await.unwrap() {
            Progress::Partial { failed, .. } => assert_eq!(failed, ["checkout.example.com"]),
            other => panic!("{other:?}"),
        }
        let read = vercel.requests();
        let (_, aliases) = read
            .iter()
            .find(|(_, path)| path.contains("/aliases"))
            .unwrap();
        assert!(
            aliases.starts_with(&format!(
                "/v1/projects/{PROJECT_ID}/promote/aliases?failedOnly=true"
            )),
            "{aliases}"
        );
        vercel.skip_jobs();
        platform.act(&order(&undo)).await.unwrap();
        match platform.observe(&order(&undo)).await.unwrap() {
            Progress::Failed { why, .. } => {
                assert!(why.contains("skipped the promote job"), "{why}")
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(vercel.violations(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_promotion_waits_for_a_rolling_release() {
        let (vercel, platform) = after_a_rollback().await;
        vercel.rolling_release(Some("v211"));
        let undo = undone(&platform, "v213").await;
        let receipt = platform.act(&order(&undo)).await.unwrap();
        assert_eq!(
            receipt.said,
            "job queued behind the rolling release that is under way"
        );
        assert_eq!(
            served(&platform, &undo).await,
            (
                0,
                8,
                "no promote job is shown yet, and a rolling release to v211 is under way".into()
            )
        );
        vercel.rolling_release(None);
        assert_eq!(served(&platform, &undo).await.2, "job pending");
        vercel.advance_to(8);
        assert_eq!(served(&platform, &undo).await.0, 8);

        // A lost one is told from a queued one as soon as nothing is in its way.
        let (vercel, platform) = after_a_rollback().await;
        vercel.rolling_release(Some("v211"));
        let undo = undone(&platform, "v213").await;
        vercel.lose_without_doing();
        let asked = platform.act(&order(&undo)).await;
        assert!(
            matches!(asked, Err(ProviderError::Unanswered(_))),
            "{asked:?}"
        );
        assert_eq!(served(&platform, &undo).await.0, 0);
        vercel.rolling_release(None);
        assert!(matches!(
            platform.observe(&order(&undo)).await.unwrap(),
            Progress::NotAsked { .. }
        ));
        assert_eq!(vercel.violations(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn unpinning_is_read_back_and_moves_nothing() {
        let (vercel, platform) = after_a_rollback().await;
        let said = platform.unpin(&Value::Null).await.unwrap();
        assert_eq!(said, "automatic deploys go live again (read back)");
        assert_eq!((vercel.is_pinned(), vercel.serves("v212")), (false, 8));
        let said = platform.unpin(&Value::Null).await.unwrap();
        assert!(said.contains("not held off"), "{said}");
        assert_eq!(vercel.unpins_asked(), 1, "what is on is not set again");
        vercel.deploy("v214", "4444444dddd", "Repair checkout", "sam");
        assert_eq!(vercel.production(), "v214");
        assert_eq!(vercel.violations(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn unpinning_believes_what_is_read_and_not_what_is_answered() {
        let (vercel, platform) = after_a_rollback().await;
        // Taken, and not done.
        vercel.answer_next(200, json!({}), &[]);
        match platform.unpin(&Value::Null).await {
            Err(ProviderError::Busy { why, .. }) => assert!(why.contains("took it"), "{why}"),
            other => panic!("{other:?}"),
        }
        // No answer, and not done.
        vercel.lose_without_doing();
        match platform.unpin(&Value::Null).await {
            Err(ProviderError::Busy { why, .. }) => {
                assert!(why.contains("gave no answer"), "{why}")
            }
            other => panic!("{other:?}"),
        }
        vercel.answer_next(503, json!({}), &[]);
        match platform.unpin(&Value::Null).await {
            Err(ProviderError::Busy { why, .. }) => {
                assert!(why.contains("broke off (503)"), "{why}")
            }
            other => panic!("{other:?}"),
        }
        vercel.answer_next(429, json!({}), &[("retry-after", "7")]);
        match platform.unpin(&Value::Null).await {
            Err(ProviderError::Busy { retry_after, .. }) => assert_eq!(retry_after, Some(7_000)),
            other => panic!("{other:?}"),
        }
        vercel.answer_next(403, json!({"error": {"message": "Not authorized"}}), &[]);
        let refused = platform.unpin(&Value::Null).await;
        assert!(
            matches!(refused, Err(ProviderError::Refused(_))),
            "{refused:?}"
        );
        assert!(vercel.is_pinned());
        // No answer, and done.
        vercel.break_after_accepting();
        assert!(platform.unpin(&Value::Null).await.is_ok());
        assert!(!vercel.is_pinned());
        assert_eq!(
            (vercel.unpins_asked(), vercel.production()),
            (6, "v212".into())
        );
        assert_eq!(vercel.violations(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn an_answer_that_never_came_is_read_back_and_not_asked_again() {
        let (vercel, platform) = shop().await;
        let rollback = planned(&platform, "v212").await;
        vercel.break_after_accepting();
        let asked = platform.act(&order(&rollback)).await;
        assert!(
            matches!(asked, Err(ProviderError::Unanswered(_))),
            "{asked:?}"
        );
        assert_eq!(vercel.rollbacks_asked(), 1, "nothing repeats it underneath");
        assert_eq!(served(&platform, &rollback).await.2, "job pending");

        let (vercel, platform) = shop().await;
        let rollback = planned(&platform, "v212").await;
        vercel.moves_at_once(true);
        vercel.hang_after_accepting();
        let asking = tokio::spawn({
            let (platform, rollback) = (platform.clone(), rollback.clone());
            async move { platform.act(&order(&rollback)).await }
        });
        while vercel.rollbacks_asked() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        vercel.abandon();
        let asked = asking.await.unwrap();
        assert!(
            matches!(asked, Err(ProviderError::Unanswered(_))),
            "{asked:?}"
        );
        assert_eq!(served(&platform, &rollback).await.0, 8);

        let (vercel, platform) = shop().await;
        let rollback = planned(&platform, "v212").await;
        vercel.lose_without_doing();
        let asked = platform.act(&order(&rollback)).await;
        assert!(
            matches!(asked, Err(ProviderError::Unanswered(_))),
            "{asked:?}"
        );
        assert!(matches!(
            platform.observe(&order(&rollback)).await.unwrap(),
            Progress::NotAsked { .. }
        ));
        assert_eq!(
            (vercel.rollbacks_asked(), vercel.production()),
            (1, "v213".into())
        );
    }

    #[tokio::test]
    async fn a_token_says_when_it_expires_where_it_does() {
        let (vercel, platform) = shop().await;
        assert_eq!(platform.credentials_end().await, Ok(None));
        let at: Timestamp = "2026-03-20T12:00:00Z".parse().unwrap();
        vercel.token_ends(at);
        assert_eq!(platform.credentials_end().await, Ok(Some(at)));
    }

    #[tokio::test]
    async fn refusals_and_waits_come_through() {
        let (vercel, platform) = shop().await;
        let rollback = planned(&platform, "v211").await;
        vercel.answer_next(
            429,
            json!({"error": {"code": "rate_limited", "message": "Too many requests, upgrade to Pro"}}),
            &[("retry-after", "7")],
        );
        assert_eq!(busy(platform.act(&order(&rollback)).await), Some(7_000));
        vercel.answer_next(503, json!({}), &[]);
        assert!(matches!(
            platform.act(&order(&rollback)).await,
            Err(ProviderError::Unanswered(_))
        ));
        vercel.hobby_plan();
        match platform.act(&order(&rollback)).await {
            Err(ProviderError::Refused(why)) => assert!(why.contains("Hobby"), "{why}"),
            other => panic!("{other:?}"),
        }
        vercel.no_longer_offer("v211");
        assert!(matches!(
            platform.act(&order(&rollback)).await,
            Err(ProviderError::Refused(_))
        ));
        assert_eq!(vercel.production(), "v213");
        // Somebody else was faster: nothing is left to ask for.
        vercel.promote("v211");
        let receipt = platform.act(&order(&rollback)).await.unwrap();
        assert!(receipt.said.contains("already"), "{}", receipt.said);
        assert_eq!(served(&platform, &rollback).await.0, 8);
        vercel.point("shop.example.com", "v213");
        assert_eq!(served(&platform, &rollback).await.0, 7);
        assert_eq!(vercel.rollbacks_asked(), 5);

        for status in [429, 500, 503] {
            vercel.fail_reads(status);
            let read = platform.observe(&order(&rollback)).await;
            let Err(ProviderError::Busy { retry_after, .. }) = read else {
                panic!("{read:?}")
            };
            assert_eq!(retry_after, (status == 429).then_some(2_000));
        }
        vercel.fail_reads(None);
        vercel.is_busy(Some("40"), true);
        let read = platform.observe(&order(&rollback)).await;
        let moved = platform.act(&order(&rollback)).await.map(drop);
        for answer in [read.map(drop), moved] {
            let Err(ProviderError::Busy { retry_after, .. }) = answer else {
                panic!("{answer:?}")
            };
            assert_eq!(retry_after, Some(40_000));
        }
        vercel.is_busy(None, false);
        assert!(platform.observe(&order(&rollback)).await.is_ok());
        assert_eq!(vercel.violations(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn what_something_in_between_answers_is_not_believed() {
        let (vercel, platform) = shop().await;
        let check = async || match platform.check().await {
            Err(ProviderError::Busy { why, .. }) => why,
            other => panic!("{other:?}"),
        };
        vercel.talk_nonsense(Some(Nonsense::Html));
        let why = check().await;
        assert!(why.contains("is not JSON"), "{why}");
        vercel.talk_nonsense(Some(Nonsense::Endless));
        let why = check().await;
        assert!(why.contains("it is larger than 8 MiB"), "{why}");
        assert!((8 << 20..ENDLESS).contains(&vercel.most_sent()));
        vercel.talk_nonsense(None);
        assert!(platform.check().await.is_ok());
    }

    #[tokio::test]
    async fn what_is_under_way_is_read() {
        let (vercel, platform) = shop().await;
        let in_flight = async || platform.survey(&About::default()).await.unwrap().in_flight;
        assert_eq!(in_flight().await, None);
        vercel.push("v214", "BUILDING");
        vercel.push("v215", "ERROR");
        assert_eq!(
            in_flight().await.as_deref(),
            Some("a production deployment (v214) is being built")
        );
        vercel.rolling_release(Some("v213"));
        assert_eq!(
            in_flight().await.as_deref(),
            Some("a rolling release to v213 is under way")
        );
        let rollback = planned(&platform, "v212").await;
        platform.act(&order(&rollback)).await.unwrap();
        let said = in_flight().await.unwrap();
        assert!(said.starts_with("a rollback to dpl_"), "{said}");
        assert_eq!(vercel.violations(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn what_somebody_does_on_the_platform_is_read() {
        let (vercel, platform) = after_a_rollback().await;
        vercel.unpin();
        vercel.hide_domain("de.shop.example.com");
        let survey = platform.survey(&About::default()).await.unwrap();
        assert_eq!(survey.pin, Held::Off);
        assert_eq!(survey.live().unwrap().id, vercel.id_of("v212"));
        assert_eq!(survey.surfaces.len(), 7);
        assert_eq!(survey.unseen.unwrap().examples, ["de.shop.example.com"]);
        // A token that may read none of them is the token's mistake.
        for name in DOMAINS {
            vercel.hide_domain(name);
        }
        let refused = platform.survey(&About::default()).await;
        assert!(
            matches!(refused, Err(ProviderError::Refused(_))),
            "{refused:?}"
        );
        assert_eq!(vercel.violations(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_live_release_older_than_the_list_is_planned_from() {
        let (vercel, platform) = shop().await;
        vercel.roll_back("v212");
        for n in 300..420 {
            vercel.deploy(&format!("v{n}"), "5555555eeee", "More", "sam");
        }
        let survey = platform.survey(&About::default()).await.unwrap();
        assert_eq!(survey.live().unwrap().label(), "v212");
        let labels: Vec<_> = survey
            .candidates
            .iter()
            .map(|it| it.release.label())
            .collect();
        // v213 is known from the list of candidates.
        assert_eq!(labels[100..], ["v213", "v212", "v211"]);
        assert_eq!(vercel.violations(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn the_token_and_the_team_are_asked_for() {
        let (vercel, _) = shop().await;
        for (token, team) in [
            ("stolen", Some(TEAM_ID)),
            (TOKEN, Some("others")),
            (TOKEN, None),
        ] {
            match platform(&vercel, token, team).check().await {
                Err(ProviderError::Refused(why)) => {
                    assert!(why.starts_with("Vercel says the token"), "{why}");
                    assert!(!why.contains(token), "{why}");
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(
            platform(&vercel, TOKEN, Some(TEAM_ID))
                .check()
                .await
                .is_ok()
        );
        let elsewhere = VercelSettings {
            project: "backend".into(),
            ..settings(&vercel, TOKEN, Some(TEAM_ID))
        };
        let lost = Platform::new(reqwest::Client::new(), elsewhere);
        match lost.check().await {
            Err(ProviderError::Refused(why)) => {
                assert!(why.contains("no project backend"), "{why}")
            }
            other => panic!("{other:?}"),
        }
        let (method, path) = &vercel.requests()[0];
        assert_eq!(method, "GET");
        assert_eq!(
            path,
            &format!("/v9/projects/{PROJECT}?rollbackInfo=true&teamId={TEAM_ID}")
        );
        assert_eq!(
            vercel.violations().len(),
            1,
            "no team: {:?}",
            vercel.violations()
        );
    }

    #[test]
    fn what_the_api_does_not_have_is_noticed() {
        let team = |more: &[(&str, &str)]| -> Vec<(String, String)> {
            more.iter()
                .chain([&("slug", "acme")])
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect()
        };
        let ask = ["v1", "projects", "prj_1", "rollback", "dpl_1"];
        let seen = |method, path: &[&str], query: &[(&str, &str)], body: &str| {
            violation(&method, path, &team(query), body.as_bytes())
        };
        assert_eq!(
            seen(Method::POST, &ask, &[("description", "x")], "{}"),
            None
        );
        assert!(seen(Method::POST, &ask, &[], "").is_some());
        assert!(seen(Method::POST, &ask, &[("reason", "x")], "{}").is_some());
        assert!(
            seen(
                Method::POST,
                &["v1", "projects", "frontend", "rollback", "dpl_1"],
                &[],
                "{}"
            )
            .is_some()
        );
        assert!(
            seen(
                Method::GET,
                &["v6", "deployments"],
                &[("limit", "1000")],
                ""
            )
            .is_some()
        );
        assert!(seen(Method::GET, &["v9", "deployments"], &[], "").is_some());
        let promote = ["v10", "projects", "prj_1", "promote", "dpl_1"];
        assert_eq!(seen(Method::POST, &promote, &[], "{}"), None);
        assert!(seen(Method::POST, &promote, &[], "").is_some());
        assert!(seen(Method::POST, &promote, &[("description", "x")], "{}").is_some());
        let set = |body| seen(Method::PATCH, &["v9", "projects", "frontend"], &[], body);
        assert_eq!(set(r#"{"autoAssignCustomDomains": true}"#), None);
        for body in [
            "",
            "{}",
            r#"{"autoAssignCustomDomains": "on"}"#,
            r#"{"autoAssignCustomDomains": true, "name": "x"}"#,
        ] {
            assert!(set(body).is_some(), "{body}");
        }
        assert!(
            seen(
                Method::GET,
                &["v9", "projects", "p"],
                &[("slug", "acme")],
                ""
            )
            .is_some()
        );
    }
}
