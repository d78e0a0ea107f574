//! A small GitHub over real HTTP: workflows and their runs, pull requests, and one repository that
//! is a real one, kept by the `git` program.

use crate::api::{Answered, Api, Asked};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::Write,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};
use tempfile::TempDir;

/// What its API is called with.
pub const TOKEN: &str = "github_pat_token-of-the-github-of-the-stories";
/// Its only repository.
pub const REPOSITORY: &str = "acme/api";
/// What an installation of its App is called with, once it was asked for.
pub const INSTALLATION_TOKEN: &str = "ghs_token-of-an-installation";

/// What a clock shows.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a request for a change meets instead of what it wants.
#[derive(Clone, Debug)]
pub enum Meets {
    /// This answer, and nothing is done.
    Answer(Answered),
    /// It is done, and the answer never arrives.
    DoneAndCut,
}

#[derive(Clone)]
struct Run {
    id: u64,
    workflow: String,
    event: &'static str,
    head: String,
    branch: String,
    title: String,
    /// The commit that it deploys.
    version: String,
    status: String,
    conclusion: Option<String>,
    created: Timestamp,
    updated: Timestamp,
}

#[derive(Clone)]
struct Pull {
    number: u64,
    title: String,
    body: String,
    branch: String,
    head: String,
    /// Where it was merged: the commit on the branch that it was for.
    merged: Option<String>,
    is_open: bool,
}

/// A repository of git's own, without a work tree.
struct Repository(TempDir);

struct State {
    now: Now,
    git: Repository,
    runs: Vec<Run>,
    pulls: Vec<Pull>,
    /// The names and conclusions of the checks of every pull request; null: it still runs.
    checks: Vec<(String, Value)>,
    /// The files of the workflows that are switched off.
    disabled: Vec<String>,
    /// What `deploy.yml` has.
    workflow: String,
    live: String,
    asked: usize,
    next: Option<Meets>,
    all: Option<Answered>,
    /// How the next runs end.
    ending: String,
    /// What is shown instead of the state of a run on the way.
    shown: Option<String>,
    /// Whether the next run waits for people.
    waits: bool,
    /// Whether a dispatch answers with the run that it made.
    names_the_run: bool,
    /// The public key of its App: what a token of an installation is given for.
    app_key: Option<Vec<u8>>,
    installation_tokens: usize,
    token_ends: Option<String>,
    answered: Vec<(Asked, u16, Value)>,
}

/// Where it listens, and what it holds.
pub struct GitHub {
    api: Api,
    state: Arc<Mutex<State>>,
}

const DEPLOY: &str = "name: Deploy
run-name: Deploy ${{ inputs.version || github.sha }} ${{ inputs.rollback }}
on:
  push: { branches: [main], tags: [production] }
  workflow_dispatch:
    inputs:
      version: { required: true }
      rollback: { required: false }
";

impl GitHub {
    /// Starts one whose repository has one commit that was never deployed.
    pub async fn start(now: Now) -> GitHub {
        let git = Repository(tempfile::tempdir().unwrap());
        git.run(&["init", "--quiet", "--bare", "--initial-branch=main"], "");
        let state = Arc::new(Mutex::new(State {
            now,
            git,
            runs: vec![],
            pulls: vec![],
            checks: vec![("test".into(), json!("success"))],
            disabled: vec![],
            workflow: DEPLOY.into(),
            live: String::new(),
            asked: 0,
            next: None,
            all: None,
            ending: "success".into(),
            shown: None,
            waits: false,
            names_the_run: true,
            app_key: None,
            installation_tokens: 0,
            answered: vec![],
            token_ends: None,
        }));
        let answering = state.clone();
        let api = Api::start(move |asked| answering.lock().unwrap().answer(asked)).await;
        let github = GitHub { api, state };
        github.commit("README", "The api of acme.\n", "Begin");
        github
    }

    /// Its time is this one from now on.
    pub fn follows(&self, now: Now) {
        self.change(|state| state.now = now);
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    /// The address of its API.
    pub fn api_url(&self) -> String {
        self.api.url.clone()
    }

    /// Commits one file to `main` without deploying it. Gives the commit.
    pub fn commit(&self, file: &str, content: &str, message: &str) -> String {
        self.change(|state| state.git.commit(file, content, message))
    }

    /// Pushes one file to `main`, which is deployed at once where that is not switched off. Gives
    /// the commit.
    pub fn push(&self, file: &str, content: &str, message: &str) -> String {
        self.change(|state| {
            let commit = state.git.commit(file, content, message);
            state.pushed("main", &commit);
            state.finish();
            commit
        })
    }

    /// The commit that serves, as people call it.
    pub fn live(&self) -> String {
        self.change(|state| state.live.get(..7).unwrap_or_default().to_owned())
    }

    /// The whole id of what stands under this name: `main`, `main^{tree}`.
    pub fn rev(&self, name: &str) -> String {
        self.change(|state| state.git.rev(name).unwrap_or_default())
    }

    /// The names of all branches.
    pub fn branches(&self) -> Vec<String> {
        self.change(|state| {
            let listed = state.git.run(
                &["for-each-ref", "--format=%(refname:short)", "refs/heads"],
                "",
            );
            listed.lines().map(str::to_owned).collect()
        })
    }

    /// What is read of a pull request: its title, its text and whether it is open.
    pub fn pull(&self, number: u64) -> (String, String, bool) {
        self.change(|state| {
            let pull = state
                .pulls
                .iter()
                .find(|pull| pull.number == number)
                .unwrap();
            (pull.title.clone(), pull.body.clone(), pull.is_open)
        })
    }

    /// How many pull requests there are, open or not.
    pub fn pulls(&self) -> usize {
        self.change(|state| state.pulls.len())
    }

    /// Somebody merges the open pull request; false when it conflicts.
    pub fn merge(&self) -> bool {
        self.change(State::merge)
    }

    /// Somebody closes the open pull request.
    pub fn close(&self) {
        self.change(|state| {
            if let Some(pull) = state.pulls.iter_mut().find(|pull| pull.is_open) {
                pull.is_open = false;
            }
        });
    }

    /// The checks of pull requests are these: a conclusion each, null while it runs.
    pub fn checks(&self, checks: &[(&str, Value)]) {
        let checks = checks
            .iter()
            .map(|(name, ended)| ((*name).to_owned(), ended.clone()));
        self.change(|state| state.checks = checks.collect());
    }

    /// Whether a workflow is switched off.
    pub fn is_disabled(&self, file: &str) -> bool {
        self.change(|state| state.disabled.iter().any(|disabled| disabled == file))
    }

    /// What `deploy.yml` has.
    pub fn has_workflow(&self, text: &str) {
        self.change(|state| state.workflow = text.into());
    }

    /// How many requests to change something arrived, done or not.
    pub fn changes_asked(&self) -> usize {
        self.change(|state| state.asked)
    }

    /// The next request for a change meets this.
    pub fn next_meets(&self, what: Meets) {
        self.change(|state| state.next = Some(what));
    }

    /// Every request meets this; `None`: it answers again as it does.
    pub fn all_meet(&self, what: Option<Answered>) {
        self.change(|state| state.all = what);
    }

    /// The next runs end like this: `failure`.
    pub fn runs_end(&self, conclusion: &str) {
        self.change(|state| state.ending = conclusion.into());
    }

    /// Shows this instead of the states on the way.
    pub fn shows(&self, status: Option<&str>) {
        self.change(|state| state.shown = status.map(str::to_owned));
    }

    /// Runs wait for people before they deploy, from now on or no longer.
    pub fn runs_wait(&self, waits: bool) {
        self.change(|state| state.waits = waits);
    }

    /// A dispatch is answered with 204 and nothing more, as older servers do.
    pub fn names_no_run(&self) {
        self.change(|state| state.names_the_run = false);
    }

    /// It has an App with this public key.
    pub fn has_app(&self, public_key: &[u8]) {
        self.change(|state| state.app_key = Some(public_key.to_vec()));
    }

    /// How many tokens of installations it gave out.
    pub fn installation_tokens(&self) -> usize {
        self.change(|state| state.installation_tokens)
    }

    /// Lets what is under way come to its end; the open pull request is merged.
    pub fn finish(&self) {
        self.change(|state| {
            state.merge();
            state.finish();
        });
    }

    /// The most bytes of one answer that were taken.
    pub fn most_sent(&self) -> usize {
        self.api.most_sent()
    }

    /// The token ends then, as GitHub writes it.
    pub fn token_ends(&self, ends: &str) {
        self.change(|state| state.token_ends = Some(ends.to_owned()));
    }

    /// Every request with its answer, in order.
    pub fn answered(&self) -> Vec<(Asked, u16, Value)> {
        self.change(|state| state.answered.clone())
    }
}

impl Repository {
    /// Runs git; `Err` has what it says.
    fn try_run(&self, args: &[&str], input: &str) -> Result<String, String> {
        let mut git = Command::new("git");
        git.arg("--git-dir").arg(self.0.path()).args(args);
        // The same commits at every run: their ids are in snapshots.
        for person in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{person}_NAME"), "lee");
            git.env(format!("GIT_{person}_EMAIL"), "lee@example.com");
            git.env(format!("GIT_{person}_DATE"), "2026-03-12T09:00:00Z");
        }
        git.env("GIT_CONFIG_GLOBAL", "/dev/null");
        git.stdin(Stdio::piped());
        let mut child = git
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        let ended = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim_end().to_owned();
        match ended.status.success() {
            true => Ok(text(ended.stdout)),
            false => Err(text(ended.stderr)),
        }
    }

    fn run(&self, args: &[&str], input: &str) -> String {
        self.try_run(args, input)
            .unwrap_or_else(|error| panic!("git {args:?}: {error}"))
    }

    fn rev(&self, name: &str) -> Option<String> {
        self.try_run(&["rev-parse", "--verify", "--quiet", name], "")
            .ok()
    }

    fn commit(&self, file: &str, content: &str, message: &str) -> String {
        let blob = self.run(&["hash-object", "-w", "--stdin"], content);
        let head = self.rev("refs/heads/main");
        let listed = head.as_deref().map(|head| self.run(&["ls-tree", head], ""));
        let mut entries: BTreeMap<String, String> = listed
            .iter()
            .flat_map(|listed| listed.lines())
            .map(|line| (line.split_once('\t').unwrap().1.to_owned(), line.to_owned()))
            .collect();
        entries.insert(file.to_owned(), format!("100644 blob {blob}\t{file}"));
        let lines: Vec<String> = entries.into_values().collect();
        let tree = self.run(&["mktree"], &(lines.join("\n") + "\n"));
        let commit = self
            .commit_tree(&tree, head.as_deref().as_slice(), message)
            .unwrap();
        self.run(&["update-ref", "refs/heads/main", &commit], "");
        commit
    }

    fn commit_tree(&self, tree: &str, parents: &[&str], message: &str) -> Result<String, String> {
        let mut args = vec!["commit-tree", tree];
        for parent in parents {
            args.extend(["-p", parent]);
        }
        self.try_run(&args, message)
    }

    /// A commit as GitHub shows it, in the list of a branch or by itself.
    fn shown(&self, sha: &str) -> Value {
        let line = self.run(&["show", "--no-patch", "--format=%T%n%P%n%B", sha], "");
        let mut lines = line.splitn(3, '\n');
        let (tree, parents) = (lines.next().unwrap(), lines.next().unwrap());
        let parents: Vec<Value> = parents
            .split(' ')
            .filter(|sha| !sha.is_empty())
            .map(|sha| json!({"sha": sha}))
            .collect();
        let message = lines.next().unwrap_or_default().trim_end();
        json!({
            "sha": sha, "parents": parents, "author": {"login": "lee"},
            "tree": {"sha": tree}, "message": message,
            "commit": {
                "message": message, "tree": {"sha": tree},
                "author": {"name": "lee", "email": "lee@example.com", "date": "2026-03-12T09:00:00Z"},
            },
        })
    }
}

impl State {
    /// What a push to a branch or of a tag starts.
    fn pushed(&mut self, branch: &str, commit: &str) {
        if matches!(branch, "main" | "production")
            && !self.disabled.iter().any(|file| file == "deploy.yml")
        {
            let title = self.git.shown(commit)["message"]
                .as_str()
                .unwrap()
                .lines()
                .next()
                .unwrap()
                .to_owned();
            self.start_run("deploy.yml", "push", branch, commit, title, commit);
        }
    }

    fn start_run(
        &mut self,
        workflow: &str,
        event: &'static str,
        branch: &str,
        head: &str,
        title: String,
        version: &str,
    ) -> u64 {
        let (id, now) = (9_000 + self.runs.len() as u64 + 1, (self.now)());
        self.runs.push(Run {
            id,
            workflow: workflow.into(),
            event,
            head: head.into(),
            branch: branch.into(),
            title,
            version: version.into(),
            status: "queued".into(),
            conclusion: None,
            created: now,
            updated: now,
        });
        id
    }

    /// What is under way goes one stage on.
    fn advance(&mut self) {
        let (now, waits) = ((self.now)(), self.waits);
        let Some(run) = self.runs.iter_mut().find(|run| run.conclusion.is_none()) else {
            return;
        };
        run.updated = now;
        run.status = match run.status.as_str() {
            "queued" if waits => "waiting",
            "waiting" if waits => "waiting",
            "queued" | "waiting" => "in_progress",
            _ => "completed",
        }
        .into();
        if run.status == "completed" {
            run.conclusion = Some(self.ending.clone());
            if self.ending == "success" {
                self.live = run.version.clone();
            }
        }
    }

    fn finish(&mut self) {
        for _ in 0..3 * self.runs.len() {
            self.advance();
        }
    }

    fn merge(&mut self) -> bool {
        let Some(at) = self.pulls.iter().position(|pull| pull.is_open) else {
            return false;
        };
        let pull = self.pulls[at].clone();
        let main = self.git.rev("refs/heads/main").unwrap();
        let Ok(tree) = self
            .git
            .try_run(&["merge-tree", "--write-tree", &main, &pull.head], "")
        else {
            return false;
        };
        let message = format!("{} (#{})", pull.title, pull.number);
        let commit = self.git.commit_tree(&tree, &[&main], &message).unwrap();
        self.git
            .run(&["update-ref", "refs/heads/main", &commit], "");
        self.pulls[at].is_open = false;
        self.pulls[at].merged = Some(commit.clone());
        self.pushed("main", &commit);
        true
    }

    fn answer(&mut self, asked: &Asked) -> Answered {
        if let Some(answer) = &self.all {
            return answer.clone();
        }
        let answer = match asked.path.strip_prefix("/app/") {
            Some(path) => self.installation_token(asked, path),
            None if asked.is_by(TOKEN)
                || self.installation_tokens > 0 && asked.is_by(INSTALLATION_TOKEN) =>
            {
                self.answer_to_ours(asked)
            }
            None => error(401, "Bad credentials"),
        };
        let (Answered::Json(status, body) | Answered::Headed(status, _, body)) = &answer else {
            return answer;
        };
        self.answered.push((asked.clone(), *status, body.clone()));
        match (&self.token_ends, &answer) {
            (Some(ends), Answered::Json(status, body)) => {
                let header = ("github-authentication-token-expiration", ends.clone());
                Answered::Headed(*status, vec![header], body.clone())
            }
            (Some(_) | None, _) => answer,
        }
    }

    fn installation_token(&mut self, asked: &Asked, path: &str) -> Answered {
        let token = asked
            .headers
            .get("authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        let is_signed = self
            .app_key
            .as_ref()
            .is_some_and(|key| is_signed(token.unwrap_or_default(), key, (self.now)()));
        match path {
            _ if !is_signed => error(401, "A JSON web token could not be decoded"),
            "installations/77/access_tokens" => {
                self.installation_tokens += 1;
                let expires_at = (self.now)() + std::time::Duration::from_secs(3_600);
                Answered::Json(
                    201,
                    json!({"token": INSTALLATION_TOKEN, "expires_at": expires_at.to_string(), "permissions": {"actions": "write"}}),
                )
            }
            _ => error(404, "Not Found"),
        }
    }

    fn answer_to_ours(&mut self, asked: &Asked) -> Answered {
        let of_repository = asked.path.strip_prefix(&format!("/repos/{REPOSITORY}"));
        let Some(path) = of_repository else {
            return error(404, "Not Found");
        };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        if asked.method == "GET" {
            return self.read(path, query);
        }
        let is_setting = path.starts_with("/actions/workflows/") && !path.ends_with("/dispatches");
        if is_setting || path == "/git/commits" || path.starts_with("/contents/") {
            return self.change(asked, path);
        }
        self.asked += 1;
        match self.next.take() {
            Some(Meets::Answer(answer)) => answer,
            Some(Meets::DoneAndCut) => {
                self.change(asked, path);
                Answered::Cut
            }
            None => self.change(asked, path),
        }
    }

    fn read(&mut self, path: &str, query: &str) -> Answered {
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.replace("%3A", ":").replace("%2F", "/"))
        };
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match parts.as_slice() {
            [] => Answered::Json(
                200,
                json!({"id": 1, "full_name": REPOSITORY, "default_branch": "main"}),
            ),
            ["contents", rest @ ..] => self.content(&rest.join("/"), value("ref").as_deref()),
            ["actions", "workflows", file] if is_workflow(file) => {
                Answered::Json(200, self.workflow(file))
            }
            ["actions", "workflows", file, "runs"] if is_workflow(file) => {
                let newest_first = self.runs.iter().rev();
                let rows: Vec<Value> = newest_first
                    .filter(|run| run.workflow == *file)
                    .map(|run| self.run(run))
                    .collect();
                let answer = json!({"total_count": rows.len(), "workflow_runs": rows});
                self.advance();
                Answered::Json(200, answer)
            }
            ["actions", "runs", id, "pending_deployments"] => {
                let waits = self
                    .runs
                    .iter()
                    .any(|run| run.id.to_string() == *id && run.status == "waiting");
                let rows = if waits {
                    json!([{"environment": {"id": 5, "name": "production"}, "current_user_can_approve": false, "reviewers": []}])
                } else {
                    json!([])
                };
                Answered::Json(200, rows)
            }
            ["commits"] => {
                let head =
                    value("sha").and_then(|name| self.git.rev(&format!("refs/heads/{name}")));
                let Some(head) = head else {
                    return error(404, "Not Found");
                };
                let listed = self.git.run(&["rev-list", "--max-count=100", &head], "");
                Answered::Json(200, listed.lines().map(|sha| self.git.shown(sha)).collect())
            }
            ["commits", sha, "check-runs"] => {
                let runs: Vec<Value> = self
                    .checks
                    .iter()
                    .map(|(name, ended)| {
                        json!({
                            "name": name, "head_sha": sha, "conclusion": ended,
                            "status": if ended.is_null() { "in_progress" } else { "completed" },
                        })
                    })
                    .collect();
                Answered::Json(200, json!({"total_count": runs.len(), "check_runs": runs}))
            }
            ["git", "commits", sha] => match self.git.rev(&format!("{sha}^{{commit}}")) {
                Some(sha) => Answered::Json(200, self.git.shown(&sha)),
                None => error(404, "Not Found"),
            },
            ["git", "ref", kind, name @ ..] => {
                let name = format!("refs/{kind}/{}", name.join("/"));
                match self.git.rev(&name) {
                    Some(sha) => Answered::Json(200, reference(&name, &sha)),
                    None => error(404, "Not Found"),
                }
            }
            ["pulls"] => {
                let head = value("head");
                let newest_first = self.pulls.iter().rev();
                let of = |pull: &&Pull| {
                    head.as_ref()
                        .is_none_or(|head| *head == format!("acme:{}", pull.branch))
                };
                let is = |pull: &&Pull| value("state").as_deref() == Some("all") || pull.is_open;
                Answered::Json(
                    200,
                    newest_first
                        .filter(of)
                        .filter(is)
                        .map(|pull| self.shown_pull(pull))
                        .collect(),
                )
            }
            ["pulls", number] => match self
                .pulls
                .iter()
                .find(|pull| pull.number.to_string() == *number)
            {
                Some(pull) => Answered::Json(200, self.shown_pull(pull)),
                None => error(404, "Not Found"),
            },
            _ => error(404, "Not Found"),
        }
    }

    fn change(&mut self, asked: &Asked, path: &str) -> Answered {
        let text = |key: &str| asked.body[key].as_str().unwrap_or_default().to_owned();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match (asked.method.as_str(), parts.as_slice()) {
            ("PUT", ["contents", rest @ ..]) => self.put(&rest.join("/"), &asked.body),
            ("PUT", ["actions", "workflows", file, setting]) if is_workflow(file) => {
                self.disabled.retain(|disabled| disabled != file);
                if *setting == "disable" {
                    self.disabled.push((*file).to_owned());
                }
                Answered::Json(204, Value::Null)
            }
            ("POST", ["actions", "workflows", file, "dispatches"]) if is_workflow(file) => {
                self.dispatch(file, asked)
            }
            ("POST", ["git", "commits"]) => {
                let parents: Vec<&str> = asked.body["parents"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter_map(Value::as_str)
                    .collect();
                match self
                    .git
                    .commit_tree(&text("tree"), &parents, &text("message"))
                {
                    Ok(sha) => Answered::Json(201, self.git.shown(&sha)),
                    Err(_) => error(422, "Tree SHA does not exist"),
                }
            }
            ("POST", ["git", "refs"]) => {
                let (name, sha) = (text("ref"), text("sha"));
                assert!(
                    !matches!(name.as_str(), "refs/heads/main"),
                    "nobody makes main"
                );
                match self.git.rev(&name) {
                    Some(_) => error(422, "Reference already exists"),
                    None => self.set_reference(&name, &sha, 201),
                }
            }
            ("PATCH", ["git", "refs", kind, name @ ..]) => {
                assert_ne!(*kind, "heads", "no branch is ever moved");
                let name = format!("refs/{kind}/{}", name.join("/"));
                match self.git.rev(&name) {
                    Some(_) => self.set_reference(&name, &text("sha"), 200),
                    None => error(422, "Reference does not exist"),
                }
            }
            ("DELETE", ["git", "refs", "heads", name @ ..]) => {
                let name = format!("refs/heads/{}", name.join("/"));
                assert_ne!(name, "refs/heads/main", "main stays");
                match self.git.rev(&name) {
                    Some(_) => {
                        self.git.run(&["update-ref", "-d", &name], "");
                        Answered::Json(204, Value::Null)
                    }
                    None => error(422, "Reference does not exist"),
                }
            }
            ("POST", ["pulls"]) => self.open_pull(text("head"), text("title"), text("body")),
            ("PATCH", ["pulls", number]) => {
                let Some(at) = self
                    .pulls
                    .iter()
                    .position(|pull| pull.number.to_string() == *number)
                else {
                    return error(404, "Not Found");
                };
                let pull = &mut self.pulls[at];
                pull.is_open &= asked.body["state"] != "closed";
                if let Some(body) = asked.body["body"].as_str() {
                    pull.body = body.to_owned();
                }
                let pull = pull.clone();
                Answered::Json(200, self.shown_pull(&pull))
            }
            _ => error(404, "Not Found"),
        }
    }

    fn set_reference(&mut self, name: &str, sha: &str, status: u16) -> Answered {
        if self.git.rev(&format!("{sha}^{{commit}}")).is_none() {
            return error(422, "Object does not exist");
        }
        self.git.run(&["update-ref", name, sha], "");
        if let Some(tag) = name.strip_prefix("refs/tags/") {
            self.pushed(tag, sha);
        }
        Answered::Json(status, reference(name, sha))
    }

    fn dispatch(&mut self, file: &str, asked: &Asked) -> Answered {
        let inputs = &asked.body["inputs"];
        let known = |name: &String| self.workflow.contains(&format!("{name}:"));
        let unknown: Vec<&String> = inputs
            .as_object()
            .unwrap()
            .keys()
            .filter(|name| !known(name))
            .collect();
        if !self.workflow.contains("workflow_dispatch") {
            return error(422, "Workflow does not have 'workflow_dispatch' trigger");
        }
        if !unknown.is_empty() {
            return error(422, &format!("Unexpected inputs provided: {unknown:?}"));
        }
        if self.disabled.iter().any(|disabled| disabled == file) {
            return error(
                422,
                "Cannot trigger a 'workflow_dispatch' on a disabled workflow",
            );
        }
        let branch = asked.body["ref"].as_str().unwrap();
        let Some(head) = self.git.rev(&format!("refs/heads/{branch}")) else {
            return error(422, &format!("No ref found for: {branch}"));
        };
        let value = |name: &str| inputs[name].as_str().unwrap_or_default().to_owned();
        let title = match self.workflow.contains("run-name") {
            true => format!("Deploy {} {}", value("version"), value("rollback")),
            false => "Deploy".to_owned(),
        };
        let id = self.start_run(
            file,
            "workflow_dispatch",
            branch,
            &head,
            title,
            &value("version"),
        );
        let wants_the_run = asked.body["return_run_details"] == true;
        match wants_the_run && self.names_the_run {
            true => Answered::Json(
                200,
                json!({
                    "workflow_run_id": id, "run_url": format!("https://api.github.com/repos/{REPOSITORY}/actions/runs/{id}"),
                    "html_url": run_url(id),
                }),
            ),
            false => Answered::Json(204, Value::Null),
        }
    }

    fn open_pull(&mut self, branch: String, title: String, body: String) -> Answered {
        let Some(head) = self.git.rev(&format!("refs/heads/{branch}")) else {
            return invalid("PullRequest", "head is invalid");
        };
        if self
            .pulls
            .iter()
            .any(|pull| pull.is_open && pull.branch == branch)
        {
            return invalid(
                "PullRequest",
                &format!("A pull request already exists for acme:{branch}."),
            );
        }
        let pull = Pull {
            number: 7 + self.pulls.len() as u64,
            title,
            body,
            branch,
            head,
            merged: None,
            is_open: true,
        };
        self.pulls.push(pull.clone());
        Answered::Json(201, self.shown_pull(&pull))
    }

    fn shown_pull(&self, pull: &Pull) -> Value {
        let main = self.git.rev("refs/heads/main").unwrap();
        let merges = pull.is_open
            && self
                .git
                .try_run(&["merge-tree", "--write-tree", &main, &pull.head], "")
                .is_ok();
        json!({
            "number": pull.number, "title": pull.title, "body": pull.body, "draft": false,
            "state": if pull.is_open { "open" } else { "closed" },
            "merged": pull.merged.is_some(), "merged_at": pull.merged.as_ref().map(|_| (self.now)()),
            "merge_commit_sha": pull.merged,
            "mergeable": pull.is_open.then_some(merges),
            "mergeable_state": if merges { "clean" } else { "dirty" },
            "html_url": format!("https://github.com/{REPOSITORY}/pull/{}", pull.number),
            "head": {"ref": pull.branch, "sha": pull.head, "label": format!("acme:{}", pull.branch)},
            "base": {"ref": "main", "sha": main},
        })
    }

    fn content(&self, path: &str, branch: Option<&str>) -> Answered {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let content = match path.strip_prefix(".github/workflows/") {
            Some(file) if is_workflow(file) => Some((self.workflow.clone(), "b1".to_owned())),
            _ => {
                let name = format!("{}:{path}", branch.unwrap_or("main"));
                self.git
                    .rev(&name)
                    .map(|blob| (self.git.run(&["cat-file", "blob", &blob], ""), blob))
            }
        };
        match content {
            Some((content, blob)) => Answered::Json(
                200,
                json!({"type": "file", "encoding": "base64", "path": path, "sha": blob, "content": STANDARD.encode(content)}),
            ),
            None => error(404, "Not Found"),
        }
    }

    /// Writes one file to a branch, which has to name what it replaces.
    fn put(&mut self, path: &str, body: &Value) -> Answered {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let branch = body["branch"].as_str().unwrap_or("main");
        assert_ne!(branch, "main", "nothing is written to main");
        let head = format!("refs/heads/{branch}");
        let Some(parent) = self.git.rev(&head) else {
            return error(404, "Not Found");
        };
        let existing = self.git.rev(&format!("{head}:{path}"));
        if existing.as_deref() != body["sha"].as_str() {
            return error(409, &format!("{path} does not match"));
        }
        let content = STANDARD.decode(body["content"].as_str().unwrap()).unwrap();
        let blob = self.git.run(
            &["hash-object", "-w", "--stdin"],
            &String::from_utf8(content).unwrap(),
        );
        let index = self.git.0.path().join("index-of-the-change");
        let index = index.to_str().unwrap().to_owned();
        let _ = std::fs::remove_file(&index);
        let with_index = |args: &[&str]| {
            let mut git = Command::new("git");
            git.arg("--git-dir")
                .arg(self.git.0.path())
                .env("GIT_INDEX_FILE", &index)
                .args(args);
            let ended = git.output().unwrap();
            String::from_utf8(ended.stdout)
                .unwrap()
                .trim_end()
                .to_owned()
        };
        with_index(&["read-tree", &parent]);
        with_index(&[
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("100644,{blob},{path}"),
        ]);
        let tree = with_index(&["write-tree"]);
        let commit = self
            .git
            .commit_tree(&tree, &[&parent], body["message"].as_str().unwrap())
            .unwrap();
        self.git.run(&["update-ref", &head, &commit], "");
        for pull in self.pulls.iter_mut().filter(|pull| pull.branch == branch) {
            pull.head = commit.clone();
        }
        Answered::Json(
            if existing.is_some() { 200 } else { 201 },
            json!({"content": {"path": path, "sha": blob}, "commit": {"sha": commit}}),
        )
    }

    fn workflow(&self, file: &str) -> Value {
        let is_disabled = self.disabled.iter().any(|disabled| disabled == file);
        json!({
            "id": 3, "name": "Deploy", "path": format!(".github/workflows/{file}"),
            "state": if is_disabled { "disabled_manually" } else { "active" },
        })
    }

    fn run(&self, run: &Run) -> Value {
        let shown = self.shown.as_deref().filter(|_| run.conclusion.is_none());
        json!({
            "id": run.id, "name": "Deploy", "event": run.event, "display_title": run.title,
            "head_sha": run.head, "head_branch": run.branch, "run_attempt": 1, "run_number": run.id - 9_000,
            "status": shown.unwrap_or(&run.status), "conclusion": run.conclusion,
            "created_at": run.created, "updated_at": run.updated, "html_url": run_url(run.id),
            "actor": {"login": "lee"}, "path": format!(".github/workflows/{}", run.workflow),
            "head_commit": {"id": run.head, "message": self.git.shown(&run.head)["message"]},
        })
    }
}

fn run_url(id: u64) -> String {
    format!("https://github.com/{REPOSITORY}/actions/runs/{id}")
}

fn reference(name: &str, sha: &str) -> Value {
    json!({"ref": name, "object": {"type": "commit", "sha": sha}})
}

fn is_workflow(file: &str) -> bool {
    matches!(file, "deploy.yml" | "rollback.yml")
}

/// Whether this is a token that the App with this public key signed for now.
fn is_signed(token: &str, key: &[u8], now: Timestamp) -> bool {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let Some((signed, signature)) = token.rsplit_once('.') else {
        return false;
    };
    let Some((_, claims)) = signed.split_once('.') else {
        return false;
    };
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let (from, until) = (
        claims["iat"].as_i64().unwrap(),
        claims["exp"].as_i64().unwrap(),
    );
    let is_now = from <= now.as_second() && now.as_second() < until && until - from <= 660;
    let key =
        ring::signature::UnparsedPublicKey::new(&ring::signature::RSA_PKCS1_2048_8192_SHA256, key);
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    is_now && claims["iss"] == "4711" && key.verify(signed.as_bytes(), &signature).is_ok()
}

/// An error as GitHub words it.
pub fn error(status: u16, message: &str) -> Answered {
    Answered::Json(
        status,
        json!({"message": message, "documentation_url": "https://docs.github.com/rest", "status": status.to_string()}),
    )
}

/// What a request is that GitHub read and does not want.
fn invalid(resource: &str, message: &str) -> Answered {
    let errors = json!([{"resource": resource, "code": "custom", "message": message}]);
    Answered::Json(
        422,
        json!({"message": "Validation Failed", "errors": errors, "documentation_url": "https://docs.github.com/rest"}),
    )
}
