//! A Kafka broker.

mod admin;
mod install;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use crate::ports::free_port;
use crate::process::{NotReady, Process, start_on_free_ports};
use admin::Admin;
use install::Install;

/// A broker is up in one second, after a crash in four; the rest is for a machine that is busy compiling.
const READY_DEADLINE: Duration = Duration::from_secs(90);

/// Settings that do not depend on the instance.
const SETTINGS: &str = include_str!("../../../deploy/kafka/broker.properties");
/// The flags of a JVM with a short life, as a file that `java` reads.
const JAVA_ARGUMENTS: &str = concat!("@", env!("CARGO_MANIFEST_DIR"), "/../../deploy/kafka/java.args");

/// For what the broker's JVM is set up.
#[derive(Clone, Copy, Debug)]
enum Life {
    Short,
    Long,
}

impl Life {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Life::Short => &[JAVA_ARGUMENTS],
            // As Kafka's own start script says, but for the second compiler: for the first minutes, which is all that there
            // is here, it takes more of the cores that are measured than the broker itself.
            Life::Long => &[
                "-XX:TieredStopAtLevel=1",
                "-Xms1g",
                "-Xmx1g",
                "-XX:+UseG1GC",
                "-XX:MaxGCPauseMillis=20",
                "-XX:InitiatingHeapOccupancyPercent=35",
                "-XX:+ExplicitGCInvokesConcurrent",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            ],
        }
    }
}

/// A single Kafka broker (KRaft, its own controller) on 127.0.0.1 with a log folder of its own.
///
/// Topics are not created by use: call [`Kafka::create_topic`]. A record may have 10 MiB.
#[derive(Debug)]
pub struct Kafka {
    process: Mutex<Process>,
    port: u16,
    install: Install,
    life: Life,
    // After the process: the folder is removed when the broker is gone.
    folder: TempDir,
}

impl Kafka {
    /// Starts a broker and waits until it answers.
    ///
    /// # Panics
    /// When the jars are missing (`make services` fetches them), and when the broker does not come up
    /// within 90 seconds.
    #[track_caller]
    pub fn start() -> Kafka {
        Kafka::start_for(Life::Short)
    }

    /// As [`Kafka::start`], with the JVM set up as for production: for a broker that has to carry a load.
    #[track_caller]
    pub fn start_for_load() -> Kafka {
        Kafka::start_for(Life::Long)
    }

    #[track_caller]
    fn start_for(life: Life) -> Kafka {
        let install = Install::find();
        let folder = TempDir::with_prefix("northstar-kafka-").expect("a folder for Kafka");
        let (process, port) = start_on_free_ports(|| {
            let port = free_port();
            configure(&install, folder.path(), port, free_port());
            launch(&install, life, folder.path(), port).map(|process| (process, port))
        });
        Kafka { process: Mutex::new(process), port, install, life, folder }
    }

    /// The address for clients' `bootstrap.servers`, `127.0.0.1:PORT`.
    pub fn bootstrap(&self) -> String {
        bootstrap(self.port)
    }

    /// The process id; another one after [`Kafka::restart`].
    pub fn pid(&self) -> u32 {
        self.process().pid()
    }

    /// The folder with the logs of all partitions, each in a folder `TOPIC-PARTITION`.
    pub fn data_folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Kills the broker (SIGKILL), as a crash, and waits until it is gone.
    pub fn kill(&self) {
        self.process().kill();
    }

    /// Starts the broker again on the same ports and data; kills it before when it still runs.
    ///
    /// # Panics
    /// When it does not come up within 90 seconds.
    #[track_caller]
    pub fn restart(&self) {
        let mut process = self.process();
        process.kill();
        *process = launch(&self.install, self.life, self.folder.path(), self.port).unwrap_or_else(|e| panic!("{e}"));
    }

    /// Stops the broker without ending it (SIGSTOP): connections stay open and answer nothing.
    pub fn pause(&self) {
        self.process().pause();
    }

    /// Lets a paused broker go on.
    pub fn resume(&self) {
        self.process().resume();
    }

    /// Creates a topic and waits until all its partitions can be written.
    ///
    /// `config` holds settings of the topic, as in `&[("cleanup.policy", "compact")]`.
    ///
    /// # Panics
    /// When the broker refuses it, with the broker's reason (for example that it exists).
    #[track_caller]
    pub fn create_topic(&self, name: &str, partitions: i32, config: &[(&str, &str)]) {
        Admin::connect(&self.bootstrap()).create_topic(name, partitions, config);
    }

    /// Deletes a topic and waits until the broker no longer knows it.
    ///
    /// # Panics
    /// When the broker refuses it, with the broker's reason (for example that there is none).
    #[track_caller]
    pub fn delete_topic(&self, name: &str) {
        Admin::connect(&self.bootstrap()).delete_topic(name);
    }

    /// Everything that the broker has logged (warnings and errors).
    pub fn log(&self) -> String {
        self.process().log()
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bootstrap(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// Writes what a broker needs before its first start: its settings, and a formatted log folder.
fn configure(install: &Install, folder: &Path, port: u16, controller_port: u16) {
    let data = folder.join("data");
    install.format(&data);
    let settings = format!(
        "{SETTINGS}\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
         controller.quorum.voters=1@127.0.0.1:{controller_port}\n\
         log.dirs={}\n",
        data.display()
    );
    std::fs::write(folder.join("server.properties"), settings).expect("the folder for Kafka can be written");
}

#[track_caller]
fn launch(install: &Install, life: Life, folder: &Path, port: u16) -> Result<Process, NotReady> {
    let mut command = Command::new("java");
    command
        .args(life.flags())
        .args(install.class_data_flags())
        .arg("-cp")
        .arg(install.class_path())
        .arg("kafka.Kafka")
        .arg(folder.join("server.properties"))
        .current_dir(folder);
    let process = Process::spawn_with_log("kafka", command, &folder.join("log"));
    let admin = Admin::connect(&bootstrap(port));
    process.try_ready(READY_DEADLINE, || admin.broker_answers())?;
    Ok(process)
}
