//! A Docker engine of its own in a temporary directory, with images of a tiny program.

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use reqwest::{Client, Method};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A program that waits for ever, or ends with the digit after an `f` in its first argument.
const PROGRAM: &str = r#"
#if defined(__x86_64__)
static void ask(long number, long a) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(0), "d"(0), "r"(0L) : "rcx", "r11", "memory");
}
#define EXIT 231
#define PAUSE() ask(34, 0)
__asm__(".globl _start\n_start:\n mov %rsp,%rdi\n and $-16,%rsp\n call begin\n");
#elif defined(__aarch64__)
static void ask(long number, long a) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = 0;
  register long x2 __asm__("x2") = 0;
  register long x3 __asm__("x3") = 0;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
}
#define EXIT 94
#define PAUSE() ask(73, 0)
__asm__(".globl _start\n_start:\n mov x0,sp\n bl begin\n");
#endif
void begin(long *stack) {
  char **arguments = (char **)(stack + 1);
  if (stack[0] > 1 && arguments[1][0] == 'f') ask(EXIT, arguments[1][1] - '0');
  for (;;) PAUSE();
}
"#;

/// An engine that runs, and is ended with the test.
pub struct RealEngine {
    place: TempDir,
    /// Where it listens with TLS.
    port: u16,
    daemon: std::sync::Mutex<Child>,
    client: Client,
    /// Whether its swarm has made a network of this machine.
    has_made_bridge: std::sync::atomic::AtomicBool,
}

/// The network by which a swarm reaches its machine, which stays when the engine ends.
const BRIDGE: &str = "docker_gwbridge";

impl RealEngine {
    /// Starts one, or says why not.
    pub async fn start() -> Result<Self, String> {
        for program in ["dockerd", "containerd", "runc", "cc", "tar"] {
            if !is_there(program) {
                return Err(format!("{program} is not installed on this machine"));
            }
        }
        if fs::metadata("/proc/self")
            .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) != 0)
        {
            return Err("only root may start an engine".into());
        }
        let place = tempfile::tempdir().map_err(|error| error.to_string())?;
        let client = Client::builder()
            .unix_socket(place.path().join("docker.sock"))
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| error.to_string())?;
        make_certificates(place.path());
        let port = free_port();
        let daemon = daemon(place.path(), port).map_err(|error| error.to_string())?;
        let daemon = std::sync::Mutex::new(daemon);
        let engine = Self {
            place,
            port,
            daemon,
            client,
            has_made_bridge: false.into(),
        };
        engine.wait_for_it().await?;
        engine.make_images().await;
        Ok(engine)
    }

    async fn wait_for_it(&self) -> Result<(), String> {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(30) {
            let ping = self.client.get("http://docker/_ping").send().await;
            if ping.is_ok_and(|answer| answer.status() == 200) {
                return Ok(());
            }
            if let Ok(Some(status)) = self.daemon.lock().unwrap().try_wait() {
                let log = fs::read_to_string(self.place.path().join("log")).unwrap_or_default();
                let last = log.lines().last().unwrap_or_default().to_owned();
                return Err(format!(
                    "dockerd ends with {status} on this machine: {last}"
                ));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err("dockerd does not answer on this machine".into())
    }

    /// From the oldest to the newest: one image that ends at once, one that is never healthy, and
    /// `shop:v1` to `shop:v3`.
    async fn make_images(&self) {
        let root = self.place.path().join("root");
        fs::create_dir(&root).unwrap();
        let source = self.place.path().join("app.c");
        fs::write(&source, PROGRAM).unwrap();
        let built = Command::new("cc")
            .args([
                "-O1",
                "-static",
                "-nostdlib",
                "-ffreestanding",
                "-fno-stack-protector",
                "-o",
            ])
            .arg(root.join("app"))
            .arg(&source)
            .status();
        assert!(built.unwrap().success(), "the program is built");
        let tar = self.place.path().join("app.tar");
        let packed = Command::new("tar")
            .arg("-cf")
            .arg(&tar)
            .arg("-C")
            .arg(&root)
            .arg("app")
            .status();
        assert!(packed.unwrap().success(), "the program is packed");
        for (tag, more) in [
            ("ends", vec!["CMD [\"f7\"]"]),
            (
                "ill",
                vec!["HEALTHCHECK --interval=1s --retries=1 CMD [\"/app\", \"f1\"]"],
            ),
            ("v1", vec![]),
            ("v2", vec![]),
            ("v3", vec![]),
        ] {
            let label = format!("LABEL org.opencontainers.image.version={tag}");
            let built_in = format!("ENV BUILT_IN={tag} PATH=/");
            let mut changes = vec!["ENTRYPOINT [\"/app\"]", &label, &built_in, "VOLUME /data"];
            changes.extend(more);
            let mut query = vec![("fromSrc", "-"), ("repo", "shop"), ("tag", tag)];
            query.extend(changes.into_iter().map(|change| ("changes", change)));
            let mut url = url::Url::parse("http://docker/images/create").unwrap();
            url.query_pairs_mut().extend_pairs(query);
            let request = self.client.post(url).body(fs::read(&tar).unwrap());
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
            // The engine shows the second in which an image was made, and that is its place.
            tokio::time::sleep(Duration::from_millis(1_050)).await;
        }
    }

    pub async fn release(&self) -> String {
        let version = self.get("version").await.unwrap();
        version["Version"].as_str().unwrap().to_owned()
    }

    /// The section of a service there.
    pub fn section(&self, more: &str) -> String {
        format!(
            "provider = \"docker\"\nhost = \"unix://{}\"\n{more}",
            self.socket().display()
        )
    }

    /// The section of a service of its swarm.
    pub fn swarm_section(&self, more: &str) -> String {
        format!(
            "provider = \"swarm\"\nhost = \"unix://{}\"\n{more}",
            self.socket().display()
        )
    }

    /// Makes it the only manager of a swarm, or says why not. It listens at an address of its own,
    /// so that another one on this machine does no harm.
    pub async fn make_swarm(&self) -> Result<(), String> {
        let [_, b, c, d] = std::process::id().to_be_bytes();
        let address = format!("127.{}.{c}.{d}", 1 + b);
        let is_there = Path::new("/sys/class/net").join(BRIDGE).exists();
        self.has_made_bridge
            .store(!is_there, std::sync::atomic::Ordering::Relaxed);
        let swarm = serde_json::json!({
            "ListenAddr": format!("{address}:2377"),
            "AdvertiseAddr": address,
            "DataPathAddr": address,
            "DataPathPort": 20_000 + std::process::id() % 20_000,
        });
        let request = self.client.post("http://docker/swarm/init").json(&swarm);
        let answer = request.send().await.map_err(|error| error.to_string())?;
        match answer.status().as_u16() {
            200 => Ok(()),
            status => Err(format!(
                "no swarm can be made on this machine ({status}: {})",
                answer.text().await.unwrap_or_default()
            )),
        }
    }

    /// The same over TLS, with this certificate and its key.
    pub fn section_over_tls(&self, certificate: &str, more: &str) -> String {
        let file = |name: &str| format!("\"file:{}\"", self.place.path().join(name).display());
        format!(
            "provider = \"docker\"\nhost = \"tcp://127.0.0.1:{}\"\nca = {}\ncert = {}\nkey = {}\n{more}",
            self.port,
            file("ca.pem"),
            file(&format!("{certificate}.pem")),
            file(&format!("{certificate}.key"))
        )
    }

    pub fn socket(&self) -> PathBuf {
        self.place.path().join("docker.sock")
    }

    /// A directory for what a test keeps.
    pub fn directory(&self, name: &str) -> PathBuf {
        let path = self.place.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// Reads something; `None` when it is not there.
    pub async fn get(&self, path: &str) -> Option<Value> {
        let answer = self
            .client
            .get(format!("http://docker/{path}"))
            .send()
            .await
            .unwrap();
        match answer.status().as_u16() {
            200 => Some(serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()),
            404 => None,
            status => panic!("{path} answers {status}: {}", answer.text().await.unwrap()),
        }
    }

    /// Asks for something, which has to be done.
    pub async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let request = self.client.request(method, format!("http://docker/{path}"));
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let body = answer.bytes().await.unwrap();
        let text = String::from_utf8_lossy(&body);
        assert!(
            status.is_success() || status == 304,
            "{path} answers {status}: {text}"
        );
        serde_json::from_slice(&body).unwrap_or_default()
    }

    /// Everything about a container; it has to be there.
    pub async fn inspect(&self, name: &str) -> Value {
        let container = self.get(&format!("containers/{name}/json")).await;
        container.unwrap_or_else(|| panic!("there is no container {name}"))
    }

    /// The id of an image.
    pub async fn image(&self, reference: &str) -> String {
        let image = self.get(&format!("images/{reference}/json")).await.unwrap();
        image["Id"].as_str().unwrap().to_owned()
    }

    /// Creates and starts a container.
    pub async fn run(&self, name: &str, settings: Value) {
        let path = format!("containers/create?name={name}");
        self.ask(Method::POST, &path, Some(settings)).await;
        self.ask(Method::POST, &format!("containers/{name}/start"), None)
            .await;
    }

    /// The names of all containers, and whether they run.
    pub async fn containers(&self) -> Vec<(String, bool)> {
        let list = self.get("containers/json?all=1").await.unwrap();
        let mut containers: Vec<(String, bool)> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                let name = row["Names"][0].as_str().unwrap().trim_start_matches('/');
                (name.to_owned(), row["State"] == "running")
            })
            .collect();
        containers.sort();
        containers
    }

    /// Removes every container.
    pub async fn clear(&self) {
        for (name, _) in self.containers().await {
            let path = format!("containers/{name}?force=1&v=1");
            self.ask(Method::DELETE, &path, None).await;
        }
    }

    /// Ends the engine with everything that it runs, and starts it again.
    pub async fn start_again(&self) {
        self.end();
        *self.daemon.lock().unwrap() = daemon(self.place.path(), self.port).unwrap();
        self.wait_for_it().await.unwrap();
    }

    fn end(&self) {
        let mut daemon = self.daemon.lock().unwrap();
        // SIGTERM: it ends its containers and containerd, too.
        let pid = daemon.id().to_string();
        let _ = Command::new("kill").arg(&pid).status();
        for _ in 0..300 {
            if !matches!(daemon.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = daemon.kill();
        let _ = daemon.wait();
    }
}

impl Drop for RealEngine {
    fn drop(&mut self) {
        self.end();
        // The engine leaves both mounted, and then its directory cannot be removed.
        for mounted in ["exec/netns/default", "data"] {
            let path = self.place.path().join(mounted);
            let _ = Command::new("umount")
                .arg(path)
                .stderr(Stdio::null())
                .status();
        }
        if self
            .has_made_bridge
            .load(std::sync::atomic::Ordering::Relaxed)
        {
            let _ = Command::new("ip")
                .args(["link", "delete", BRIDGE])
                .stderr(Stdio::null())
                .status();
        }
    }
}

fn is_there(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&paths)
        .chain(more)
        .any(|directory| directory.join(program).exists())
}

/// A certificate authority, and what it gives to the engine and to whoever asks it.
fn make_certificates(place: &Path) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = authority.self_signed(&authority_key).unwrap();
    fs::write(place.join("ca.pem"), ca.pem()).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    for (name, usage) in [
        ("engine", ExtendedKeyUsagePurpose::ServerAuth),
        ("client", ExtendedKeyUsagePurpose::ClientAuth),
    ] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages.push(usage);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        fs::write(place.join(format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(place.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn daemon(place: &Path, port: u16) -> std::io::Result<Child> {
    let below = |name: &str| place.join(name).display().to_string();
    let log = fs::File::options()
        .create(true)
        .append(true)
        .open(place.join("log"))?;
    let paths = std::env::var("PATH").unwrap_or_default();
    Command::new("dockerd")
        .env("PATH", format!("{paths}:/usr/sbin:/sbin"))
        .args([
            "--iptables=false",
            "--ip6tables=false",
            "--bridge=none",
            "--storage-driver=vfs",
        ])
        .args(["--data-root", &below("data"), "--exec-root", &below("exec")])
        .args(["--pidfile", &below("pid"), "--shutdown-timeout=2"])
        .args(["--host", &format!("unix://{}", below("docker.sock"))])
        .args(["--host", &format!("tcp://127.0.0.1:{port}"), "--tlsverify"])
        .args(["--tlscacert", &below("ca.pem")])
        .args(["--tlscert", &below("engine.pem")])
        .args(["--tlskey", &below("engine.key")])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}
