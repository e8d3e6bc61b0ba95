//! The schemas of Avro sources, from the registry of the configuration.

use crate::config::Config;
use crate::failure::Failure;
use ::ingest::{Found, Schemas};
use catalog::{Format, Plan, Source, Wire};
use registry::{Registry, SchemaId};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How long a schema that is asked for the first time is waited for: a registry that is there answers in less, and then
/// nothing has to be read again.
const PATIENCE: Duration = Duration::from_millis(200);

/// Whether a source's records name schemas of a registry.
pub(crate) fn needs_registry(source: &Source) -> bool {
    matches!(source.format, Format::Avro { wire: Wire::Confluent, .. })
}

/// The registry, if a source needs one.
pub(super) fn start(config: &Config, plan: &Plan) -> Result<Option<Arc<Registry>>, Failure> {
    match config.registry.client().filter(|_| plan.sources.iter().any(needs_registry)) {
        Some((config, times)) => Ok(Some(Arc::new(Registry::start(&config, times).map_err(Failure::new)?))),
        None => Ok(None),
    }
}

/// The registry as ingest asks it.
#[derive(Debug)]
pub(super) struct RegistrySchemas {
    registry: Arc<Registry>,
    /// Those that were waited for without an answer.
    waited_for: BTreeSet<SchemaId>,
}

impl RegistrySchemas {
    pub(super) fn new(registry: Arc<Registry>) -> RegistrySchemas {
        RegistrySchemas { registry, waited_for: BTreeSet::new() }
    }
}

impl Schemas for RegistrySchemas {
    fn find(&mut self, id: SchemaId) -> Found {
        let patience = if self.waited_for.contains(&id) { Duration::ZERO } else { PATIENCE };
        let found = match self.registry.find(id, patience) {
            registry::Found::Schema(text) => Found::Schema(text),
            registry::Found::Nothing => Found::Nothing,
            registry::Found::Pending => {
                self.waited_for.insert(id);
                return Found::Pending;
            }
        };
        self.waited_for.remove(&id);
        found
    }
}
