//! Where the broker's jars are, and what is prepared beside them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::installed::installed;

/// The folder `services` in cargo's target folder, which `make services` fills:
///
/// - `kafka-libs`: the jars;
/// - `kafka-formatted`: a log folder as Kafka's own format command leaves it, so that a start copies two
///   small files instead of running a second JVM;
/// - `kafka.jsa` (optional): the broker's classes in a form that the JVM maps into memory, which halves
///   the time of a start. The JVM ignores it when it does not fit the jars or the Java version.
#[derive(Debug)]
pub(super) struct Install {
    folder: PathBuf,
}

impl Install {
    /// # Panics
    /// When nothing is installed, with the remedy.
    #[track_caller]
    pub(super) fn find() -> Install {
        Install { folder: installed(&["kafka-libs", "kafka-formatted"]) }
    }

    /// Makes `data` a formatted log folder.
    pub(super) fn format(&self, data: &Path) {
        fs::create_dir_all(data).expect("the folder for Kafka can be written");
        for name in ["meta.properties", "bootstrap.checkpoint"] {
            let source = self.folder.join("kafka-formatted").join(name);
            fs::copy(&source, data.join(name))
                .unwrap_or_else(|e| panic!("{}: {e}; run `make services`", source.display()));
        }
    }

    pub(super) fn class_path(&self) -> OsString {
        self.folder.join("kafka-libs").join("*").into_os_string()
    }

    pub(super) fn class_data_flags(&self) -> Vec<OsString> {
        let archive = self.folder.join("kafka.jsa");
        if !archive.exists() {
            return Vec::new();
        }
        let mut flag = OsString::from("-XX:SharedArchiveFile=");
        flag.push(archive);
        vec!["-Xshare:auto".into(), flag]
    }
}
