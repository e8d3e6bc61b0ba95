//! The dashboard, as far as the tests look at it.

use serde_json::Value;

/// A dashboard of Grafana.
#[derive(Debug)]
pub struct Dashboard(Value);

/// A panel of it, rows left out.
#[derive(Clone, Copy, Debug)]
pub struct Panel<'a>(&'a Value);

impl Dashboard {
    /// Reads a file of the repository.
    #[track_caller]
    pub fn read(name: &str) -> Dashboard {
        Dashboard(serde_json::from_str(&crate::text(name)).unwrap_or_else(|e| panic!("{name}: {e}")))
    }

    /// The JSON.
    pub fn json(&self) -> &Value {
        &self.0
    }

    /// All panels and rows, those in collapsed rows too.
    pub fn panels_and_rows(&self) -> Vec<Panel<'_>> {
        let top = list(&self.0["panels"]);
        let nested = top.iter().flat_map(|panel| list(&panel.0["panels"]));
        top.iter().copied().chain(nested).collect()
    }

    /// All panels.
    pub fn panels(&self) -> Vec<Panel<'_>> {
        self.panels_and_rows().into_iter().filter(|panel| !panel.is_row()).collect()
    }

    /// The template variables.
    #[track_caller]
    pub fn variables(&self) -> &[Value] {
        self.0["templating"]["list"].as_array().expect("a list of variables")
    }
}

impl<'a> Panel<'a> {
    /// The JSON.
    pub fn json(&self) -> &'a Value {
        self.0
    }

    /// Whether it is only a heading.
    pub fn is_row(&self) -> bool {
        self.0["type"] == "row"
    }

    /// The title; empty if there is none.
    pub fn title(&self) -> &'a str {
        self.0["title"].as_str().unwrap_or_default()
    }

    /// The queries.
    pub fn queries(&self) -> Vec<&'a str> {
        let targets = self.0["targets"].as_array().into_iter().flatten();
        targets.map(|target| target["expr"].as_str().unwrap_or_default()).collect()
    }

    /// Where it is: left, top, right and bottom in the grid.
    #[track_caller]
    pub fn place(&self) -> [i64; 4] {
        let at = |name: &str| self.0["gridPos"][name].as_i64().unwrap_or_else(|| panic!("{}: no {name}", self.title()));
        [at("x"), at("y"), at("x") + at("w"), at("y") + at("h")]
    }
}

fn list(panels: &Value) -> Vec<Panel<'_>> {
    panels.as_array().into_iter().flatten().map(Panel).collect()
}
