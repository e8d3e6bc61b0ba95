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
    read.report.file = "northstar.yaml".to_owned();
    read
}

#[track_caller]
fn only(read: &Read) -> String {
    match read.report.mistakes.as_slice() {
        [mistake] => mistake.to_string(),
        mistakes => panic!("there is not one mistake: {mistakes:?}"),
    }
}

/// What people read who made these mistakes.
fn shown(read: &Read) -> String {
    yaml::render(std::slice::from_ref(&read.report), yaml::Look::PLAIN)
}

#[test]
fn every_setting_has_a_default() {
    let Read { config, report, .. } = read_with(NO_FILE, &[]);
    assert_eq!(report.mistakes, []);
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
    assert_eq!(read.report.mistakes, []);
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

/// Adding a setting fails here, and by the example above.
#[test]
fn schema_names_every_setting() {
    fn names(schema: &serde_json::Value, of: &serde_json::Value, found: &mut Vec<String>) {
        for (name, property) in of["properties"].as_object().into_iter().flatten() {
            found.push(name.clone());
            if let Some(section) = property["$ref"].as_str() {
                names(schema, &schema["$defs"][section.rsplit('/').next().unwrap()], found);
            }
        }
    }
    let schema = schema().to_value();
    let (mut described, mut settings) = (Vec::new(), all_settings());
    names(&schema, &schema, &mut described);
    described.sort();
    settings.sort();
    assert_eq!(described, settings, "give schema.rs (left) a documented field for each setting (right)");
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
    let mistakes = read_text(&text.join("\n"), &[]).report.mistakes;
    assert_eq!(mistakes.len(), sections.len() + 1, "{mistakes:?}");
    let names =
        |mistake: &yaml::Mistake| mistake.help.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    mistakes.iter().flat_map(names).collect()
}

#[test]
fn file_is_read_in_human_units() {
    let Read { config, report, .. } = read_text(
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
    assert_eq!(report.mistakes, []);
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
    let Read { config, report, .. } = read_text(file, &environment);
    assert_eq!(report.mistakes, []);
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
    assert_eq!(both.report.mistakes.len(), 2, "{both:?}");
    assert!(only(&registry("{ username: ada }")).contains("a user has a password"));
    assert!(only(&registry("{ password: hunter2 }")).contains("a user has a password"));
}

#[test]
fn unknown_setting_is_named_with_the_nearest_known_one() {
    assert_eq!(
        only(&read_text("kafka: { brokrs: a }", &[])),
        "1:10: there is no setting `kafka.brokrs` (did you mean `brokers`?)"
    );
    assert_eq!(
        only(&read_text("topics: { activity: a, usage: b }", &[])),
        "1:24: there is no setting `topics.usage` (write `activity`, `admitted` or `dead_letter`)"
    );
    assert_eq!(
        only(&read_with(NO_FILE, &[("NSM__STATE__REDIS__TIMEOUTS", "1s")])),
        "NSM__STATE__REDIS__TIMEOUTS: there is no setting `state.redis.timeouts` (did you mean `timeout`?)"
    );
}

#[test]
fn variable_must_be_of_a_setting() {
    assert_eq!(
        only(&read_with(NO_FILE, &[("NSM__SHARDS__A", "1")])),
        "NSM__SHARDS__A: `shards` is one value, not a section (leave `__A` out)"
    );
    assert!(only(&read_with(NO_FILE, &[("NSM__KAFKA", "1")])).starts_with("NSM__KAFKA: `kafka` is a section"));
    assert!(only(&read_with(NO_FILE, &[("NSM__GROUP", " ")])).starts_with("NSM__GROUP: `group` has no value"));
}

#[test]
fn setting_stands_once() {
    assert_eq!(
        only(&read_text("log: { level: info }\nshards: 4\nlog:\n", &[])),
        "3:1: `log` is set twice, first in line 1 (remove one of them)"
    );
    assert!(only(&read_text("kafka: { brokers: a, brokers: b }", &[])).contains("set twice"));
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
    crate::golden::check("config-mistakes.txt", &shown(&read));
}

#[test]
fn settings_must_go_together() {
    let together = |text: &str| only(&read_text(text, &[]));
    assert!(together("topics: { activity: a, dead_letter: a }").starts_with("1:37: `topics.dead_letter` is the same"));
    assert!(together("topics: { activity: nsm.dead-letter }").starts_with("1:21: `topics.dead_letter` is the same"));
    assert!(together("topics: { admitted: nsm.activity }").starts_with("1:21: `topics.admitted` is the same topic as"));
    assert!(together("kafka: { poll_interval: 5s }").starts_with("1:25: `kafka.poll_interval` is shorter"));
    assert!(together("kafka: { session_timeout: 10m }").starts_with("1:27: `kafka.poll_interval` is shorter"));
    assert!(together("exporter: { stale_after: 1s }").starts_with("1:26: `exporter.stale_after` must be longer"));
    assert!(together("ingest: { heartbeat: 20s }").starts_with("1:22: `exporter.stale_after` must be longer"));
    let nameless = read(NO_FILE, std::iter::empty(), || None);
    assert!(only(&nameless).contains("instance: this machine has no host name"), "{nameless:?}");
}

#[test]
fn secrets_are_never_shown() {
    let file = "state: { redis: { url: 'redis://:hunter2@db' } }\nkafka: { properties: { sasl.password: hunter2 } }\n";
    let Read { config, report, .. } = read_text(file, &[]);
    assert_eq!(report.mistakes, []);
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
        "state: { redis: { ulr: hunter2 } }",
        "stat: { redis: { url: hunter2 } }",
        "shards: 0 # hunter2",
        "shards: [hunter2]",
        "state: { redis: { url: redis://a, timeout: 1 } } # redis://hunter2@a",
        "kafka: { properties: { sasl.password: hunter2 }, brokrs: a }",
        "hunter2",
        "- hunter2",
        "state: { redis: { url: redis://hunter2, url: redis://hunter2 } }",
        "state: { redis: { url: !secret hunter2 } }",
        "state:\n  redis:\n    url: |\n      hunter2\n",
        "state: { redis: { url: *hunter2 } }",
        "state: { redis: { url: \"\\hunter2\" } }",
    ] {
        let read = read_text(wrong, &[]);
        assert!(!read.report.mistakes.is_empty(), "{wrong}");
        assert!(!format!("{read:?}{}", shown(&read)).contains("hunter2"), "{wrong}: {}", shown(&read));
    }
}

#[cfg(unix)]
#[test]
fn variable_that_is_not_text_is_not_shown() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = OsString::from_vec(b"hunter2\xff".to_vec());
    let read = read(NO_FILE, [("NSM__STATE__REDIS__URL".into(), bytes)].into_iter(), || Some("h".into()));
    assert_eq!(only(&read), "NSM__STATE__REDIS__URL: it is not UTF-8 (write text, or unset it)");
}

#[test]
fn file_that_is_not_there_or_no_yaml_is_a_mistake() {
    assert!(
        only(&read_with(Some(Path::new("no-such.yaml")), &[])).starts_with("no-such.yaml: the configuration cannot")
    );
    let broken = read_text("kafka: { brokers: a", &[]);
    assert!(broken.is_blind && !read_text("kafka: 1", &[]).is_blind);
    assert!(only(&broken).starts_with("1:19: this is not YAML"), "{broken:?}");
    assert!(shown(&broken).contains("1 │ kafka: { brokers: *"), "{}", shown(&broken));
    assert!(only(&read_text("- a list", &[])).starts_with("1:1: the configuration is a section, not one value"));
}
