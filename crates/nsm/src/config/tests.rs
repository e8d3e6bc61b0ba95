use super::*;
use ::registry::Credentials;
use std::fs;

const NO_FILE: Option<&Path> = None;

fn read_with(file: Option<&Path>, environment: &[(&str, &str)]) -> Read {
    let environment = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    read(file, environment, || Some("host-1".to_owned()))
}

/// Reads a file of this text, named northstar.yaml in messages.
fn read_text(text: &str, environment: &[(&str, &str)]) -> Read {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("northstar.yaml");
    fs::write(&file, text).unwrap();
    let mut read = read_with(Some(&file), environment);
    let shown = format!("{}/", folder.path().display());
    read.mistakes.iter_mut().for_each(|mistake| *mistake = mistake.replace(&shown, ""));
    read
}

#[track_caller]
fn only(read: &Read) -> &str {
    match read.mistakes.as_slice() {
        [mistake] => mistake,
        mistakes => panic!("there is not one mistake: {mistakes:?}"),
    }
}

#[test]
fn every_setting_has_a_default() {
    let Read { config, mistakes, .. } = read_with(NO_FILE, &[]);
    assert_eq!(mistakes, Vec::<String>::new());
    assert_eq!(config.catalogue, Path::new("catalogue.yaml"));
    assert_eq!((config.group.as_str(), config.instance.as_str()), ("northstar", "host-1"));
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:9464");
    assert_eq!(format!("{:?}", config.ingest), format!("{:?}", ingest::Settings::default()));
    assert_eq!(format!("{:?}", config.window), format!("{:?}", window::Settings::default()));
}

/// The example is where the settings are documented.
#[test]
fn example_names_every_setting_with_its_default() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/northstar.yaml");
    let mut read = read_with(Some(&example), &[]);
    assert_eq!(read.mistakes, Vec::<String>::new());
    assert_eq!(read.config.catalogue, example.with_file_name("music.yaml"));
    read.config.catalogue = "catalogue.yaml".into();
    assert_eq!(format!("{:?}", read.config), format!("{:?}", read_with(NO_FILE, &[]).config));

    // Each setting that is asked for stands in it: without its line, there is one setting fewer.
    let text = fs::read_to_string(&example).unwrap();
    for name in ["catalogue", "group", "instance", "shards"] {
        assert!(text.contains(&format!("\n{name}:")) || text.contains(&format!("\n#{name}:")), "{name}");
    }
    let named: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim_start_matches(['#', ' ']).split_once(':'))
        .map(|(name, _)| name)
        .collect();
    for name in all_settings() {
        assert!(named.contains(&name.as_str()), "{name} is not in the example");
    }
}

/// The names that the sections list when they are given one that is far from all.
fn all_settings() -> Vec<String> {
    let sections = ["", "kafka:", "topics:", "ingest:", "window:", "state:", "registry:", "exporter:", "http:", "log:"];
    let text: Vec<String> = sections
        .iter()
        .map(|section| match *section {
            "" => "zzzzzzzzzzzzzzzz: 1".to_owned(),
            "state:" => "state: { zzzzzzzzzzzzzzzz: 1, redis: { zzzzzzzzzzzzzzzz: 1 } }".to_owned(),
            section => format!("{section} {{ zzzzzzzzzzzzzzzz: 1 }}"),
        })
        .collect();
    let mistakes = read_text(&text.join("\n"), &[]).mistakes;
    assert_eq!(mistakes.len(), sections.len() + 1, "{mistakes:?}");
    let names = |mistake: &String| {
        let (_, names) = mistake.split_once("there are ").unwrap();
        names.split(", ").map(str::to_owned).collect::<Vec<_>>()
    };
    mistakes.iter().flat_map(names).collect()
}

#[test]
fn file_is_read_in_human_units() {
    let Read { config, mistakes, .. } = read_text(
        "catalogue: sub/music.yaml\n\
         group: blue\n\
         shards: 4\n\
         kafka: { brokers: 'a:1,b:2', properties: { security.protocol: ssl, socket.timeout.ms: 6000 } }\n\
         ingest: { transact: 50ms, heartbeat: 2s, future: 1h, payload: 2MiB, run_ahead: 3d, from: latest }\n\
         window:\n\
         exporter: { refresh: 500ms }\n\
         log: { format: json, level: 'info,ingest=debug' }\n",
        &[],
    );
    assert_eq!(mistakes, Vec::<String>::new());
    assert!(config.catalogue.ends_with("sub/music.yaml") && config.catalogue.parent().unwrap().ends_with("sub"));
    assert_eq!((config.group.as_str(), config.shards(), config.kafka.brokers.as_str()), ("blue", 4, "a:1,b:2"));
    assert_eq!(
        (config.ingest.transact_ms, config.ingest.heartbeat_ms, config.ingest.future_ms),
        (50, 2_000, 3_600_000)
    );
    assert_eq!((config.ingest.payload_bytes, config.ingest.run_ahead_days), (2 << 20, 3));
    assert!(config.ingest.from_latest);
    assert_eq!(config.exporter.refresh, Duration::from_millis(500));
    assert_eq!((config.log.format, config.log.level.as_str()), (LogFormat::Json, "info,ingest=debug"));
    let kafka = config.kafka_config();
    assert_eq!(kafka.properties["security.protocol"], "ssl");
    assert_eq!(kafka.properties["socket.timeout.ms"], "6000");
    assert_eq!((kafka.group.as_str(), kafka.instance.as_str()), ("blue", "host-1"));
}

#[test]
fn environment_overrules_the_file() {
    let file = "kafka: { brokers: 'file:1', properties: { sasl.password: file, sasl.username: ada } }\nshards: 4\n";
    let environment = [
        ("NSM__KAFKA__BROKERS", "env:2"),
        ("NSM__SHARDS", "8"),
        ("NSM__EXPORTER__STALE_AFTER", "1m"),
        ("NSM__KAFKA__PROPERTIES__SASL__PASSWORD", "007"),
        ("NSM__STATE__REDIS__URL", "redis://:1@db"),
        ("NSM_CONFIG", "other.yaml"),
        ("HOME", "/root"),
    ];
    let Read { config, mistakes, .. } = read_text(file, &environment);
    assert_eq!(mistakes, Vec::<String>::new());
    assert_eq!((config.kafka.brokers.as_str(), config.shards()), ("env:2", 8));
    assert_eq!(config.exporter.stale_after, Duration::from_secs(60));
    let kafka = config.kafka_config();
    assert_eq!(
        (kafka.properties["sasl.password"].as_str(), kafka.properties["sasl.username"].as_str()),
        ("007", "ada")
    );
    assert_eq!(config.redis_config().url, "redis://:1@db");
}

#[test]
fn registry_is_asked_as_a_user_or_as_a_bearer_and_its_secrets_are_not_shown() {
    let registry = |text: &str| read_text(&format!("registry: {text}"), &[("NSM__REGISTRY__URL", "http://reg")]);
    assert!(read_with(NO_FILE, &[]).config.registry.client().is_none());
    let credentials = |text: &str| match registry(text).config.registry.client().unwrap().0.credentials {
        Credentials::None => "nobody".to_owned(),
        Credentials::Basic { username, password } => format!("{username} {}", password.expose_secret()),
        Credentials::Bearer(token) => token.expose_secret().to_owned(),
    };
    assert_eq!(credentials("{ retry: 1m }"), "nobody");
    assert_eq!(credentials("{ username: ada, password: hunter2 }"), "ada hunter2");
    assert_eq!(credentials("{ token: hunter3 }"), "hunter3");
    let both = registry("{ username: ada, password: hunter2, token: hunter3, timeout: 1 }");
    assert!(!format!("{both:?}").contains("hunter"), "{both:?}");
    assert_eq!(both.mistakes.len(), 2, "{both:?}");
    assert!(only(&registry("{ username: ada }")).contains("a user has a `registry.password`"));
    assert!(only(&registry("{ password: hunter2 }")).contains("a user has a `registry.password`"));
}

#[test]
fn unknown_setting_is_named_with_the_nearest_known_one() {
    assert_eq!(
        only(&read_text("kafka: { brokrs: a }", &[])),
        "northstar.yaml: kafka.brokrs: there is no such setting; did you mean `brokers`?"
    );
    assert_eq!(
        only(&read_text("topics: { activity: a, usage: b }", &[])),
        "northstar.yaml: topics.usage: there is no such setting; there are activity, dead_letter"
    );
    assert_eq!(
        only(&read_with(NO_FILE, &[("NSM__STATE__REDIS__TIMEOUTS", "1s")])),
        "NSM__STATE__REDIS__TIMEOUTS: there is no such setting; did you mean `timeout`?"
    );
}

#[test]
fn everything_wrong_is_told_at_once() {
    let read = read_text(
        "shards: many\n\
         groop: x\n\
         kafka: 9092\n\
         ingest: { transact: 100, from: middle }\n\
         exporter: { refresh: 1d }\n\
         http: { listen: localhost }\n\
         log: { level: 'a=b=c', format: xml }\n\
         topics: { activity: 'a b', dead_letter: }\n\
         window: { batch: [1] }\n",
        &[("NSM__INSTANCE", "a b"), ("NSM__WINDOW__CACHE_ENTITIES", "0")],
    );
    crate::golden::check("config-mistakes.txt", &(read.mistakes.join("\n") + "\n"));
}

#[test]
fn settings_must_go_together() {
    assert_eq!(
        only(&read_text("topics: { activity: a, dead_letter: a }", &[])),
        "northstar.yaml: topics.dead_letter: it must not be the same topic as `topics.activity`"
    );
    assert!(only(&read_text("kafka: { poll_interval: 5s }", &[])).contains("poll_interval: it must not be shorter"));
    assert!(only(&read_text("exporter: { stale_after: 1s }", &[])).contains("exporter.stale_after: it must be longer"));
    let nameless = read(NO_FILE, std::iter::empty(), || None);
    assert!(only(&nameless).contains("instance: this machine has no host name"), "{nameless:?}");
}

#[test]
fn secrets_are_never_shown() {
    let file = "state: { redis: { url: 'redis://:hunter2@db' } }\nkafka: { properties: { sasl.password: hunter2 } }\n";
    let Read { config, mistakes, .. } = read_text(file, &[]);
    assert_eq!(mistakes, Vec::<String>::new());
    assert!(!format!("{config:?}").contains("hunter2"));
    assert!(!format!("{:?} {:?}", config.redis_config(), config.kafka_config()).contains("hunter2"));

    for wrong in [
        "state: { redis: { url: hunter2 } }",
        "state: { redis: { url: [hunter2] } }",
        "state: { redis: { url: { hunter2: hunter2 } } }",
        "kafka: { properties: { sasl.password: [hunter2] } }",
        "kafka: { properties: hunter2 }",
        "state: { redis: hunter2 }",
        "state: { redis: { url: {{ hunter2 }} } }",
        "state: { redis: { url: 'hunter2 } }",
    ] {
        let read = read_text(wrong, &[]);
        assert!(!read.mistakes.is_empty(), "{wrong}");
        assert!(!format!("{read:?}").contains("hunter2"), "{wrong}: {read:?}");
    }
}

#[cfg(unix)]
#[test]
fn variable_that_is_not_text_is_not_shown() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = OsString::from_vec(b"hunter2\xff".to_vec());
    let read = read(NO_FILE, [("NSM__STATE__REDIS__URL".into(), bytes)].into_iter(), || Some("h".into()));
    assert_eq!(only(&read), "NSM__STATE__REDIS__URL: it is not UTF-8");
}

#[test]
fn file_that_is_not_there_or_no_yaml_is_a_mistake() {
    assert!(
        only(&read_with(Some(Path::new("no-such.yaml")), &[])).starts_with("no-such.yaml: the configuration cannot")
    );
    let broken = read_text("kafka: { brokers: a", &[]);
    assert!(broken.is_blind && !read_text("kafka: 1", &[]).is_blind);
    assert!(only(&broken).contains("line"), "{broken:?}");
    assert_eq!(only(&read_text("- a list", &[])), "northstar.yaml: it is not a mapping of settings");
}
