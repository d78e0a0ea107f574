//! What a vendor publishes of its API, as far as it is used: requests and answers are held to it.

use crate::api::Asked;
use boon::{Compiler, Schemas};
use serde_json::{Value, json};

/// An extract of a vendor's document.
pub struct Spec(Value);

impl Spec {
    pub fn read(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap())
    }

    /// Holds a request below `base`, and what was answered to it, to what is published. Gives the
    /// call's name: `GET /services/{serviceId}`.
    pub fn hold(&self, base: &str, asked: &Asked, status: u16, answer: &Value) -> String {
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        let path = path.strip_prefix(base).unwrap();
        let paths = self.0["paths"].as_object().unwrap();
        let known = paths.keys().find(|known| matches(known, path));
        let known = known.unwrap_or_else(|| panic!("{path} is not published"));
        let method = asked.method.to_lowercase();
        let at = format!(
            "/paths/{}/{method}",
            known.replace('~', "~0").replace('/', "~1")
        );
        let call = self.0.pointer(&at);
        let call = call.unwrap_or_else(|| panic!("{} {known} is not published", asked.method));
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = value
                .parse::<u64>()
                .map_or(json!(value), |number| json!(number));
            self.fits(&format!("{at}/query/{key}"), &value);
        }
        match call.get("body") {
            Some(_) => self.fits(&format!("{at}/body"), &asked.body),
            None => assert_eq!(asked.body, Value::Null, "{} takes no body", asked.line()),
        }
        self.fits(&format!("{at}/answers/{status}"), answer);
        format!("{} {known}", asked.method)
    }

    fn fits(&self, at: &str, value: &Value) {
        assert!(self.0.pointer(at).is_some(), "{at} is not published");
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler
            .add_resource("https://spec.example/", self.0.clone())
            .unwrap();
        let mut schemas = Schemas::new();
        let pointer = at.replace('{', "%7B").replace('}', "%7D");
        let schema = compiler
            .compile(&format!("https://spec.example/#{pointer}"), &mut schemas)
            .unwrap();
        if let Err(error) = schemas.validate(value, schema) {
            panic!("{at}: {error:#}\n{value}");
        }
    }
}

/// Whether a path is one of those: each name in braces stands for one piece.
fn matches(known: &str, path: &str) -> bool {
    let (known, path): (Vec<&str>, Vec<&str>) =
        (known.split('/').collect(), path.split('/').collect());
    known.len() == path.len()
        && known
            .iter()
            .zip(&path)
            .all(|(known, piece)| known.starts_with('{') || known == piece)
}
