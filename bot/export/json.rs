//! The file for programs: `docs/export.schema.json` describes it.

use super::{Export, pages::Pages, rollbacks::Summary};
use anyhow::Context;
use serde::{
    Serialize, Serializer,
    ser::{Error as _, SerializeMap, SerializeSeq},
};
use serde_json::{
    Value,
    ser::{Formatter, PrettyFormatter},
};
use sha2::{Digest, Sha256};
use std::{
    cell::RefCell,
    io::{self, Write},
    rc::Rc,
};

/// What the file is called in itself.
const FORMAT: &str = "rollback-bot/timeline";
/// Raised when a key changes its meaning or goes; keys that are added leave it as it is.
const VERSION: u32 = 1;

/// The last key of the file: the SHA-256 of everything before its value.
const WHOLE: &str = "whole";

/// Writes the timeline, an entry at a time.
pub(super) fn write(export: &Export, pages: &Pages, out: impl Write) -> anyhow::Result<()> {
    let written = Rc::default();
    let document = Document {
        export,
        pages,
        written: Whole(Rc::clone(&written)),
    };
    let out = Digesting { out, written };
    let mut serializer = serde_json::Serializer::with_formatter(out, Plain::default());
    Ok(document.serialize(&mut serializer)?)
}

/// A file as the bot wrote it; an error says how this text is not one.
pub fn read_back(text: &str) -> anyhow::Result<Value> {
    let document: Value = serde_json::from_str(text).context("it is not JSON")?;
    let mut spelled = vec![];
    let mut serializer = serde_json::Serializer::with_formatter(&mut spelled, Plain::default());
    document.serialize(&mut serializer)?;
    let spelled = String::from_utf8(spelled)?;
    if spelled != text {
        let same = text.lines().zip(spelled.lines());
        let line = same.take_while(|(is, was)| is == was).count() + 1;
        anyhow::bail!("line {line} is spelled in another way");
    }
    Ok(document)
}

/// Whether nothing in a file was changed, besides what the chain of its entries tells.
pub fn is_whole(text: &str, document: &Value) -> bool {
    let key = format!("\"{WHOLE}\": ");
    let Some(at) = text.rfind(&key) else {
        return false;
    };
    let digest = hex::encode(Sha256::digest(&text[..at + key.len()]));
    document[WHOLE].as_str() == Some(&digest)
}

/// The whole file. Its keys, and those of what is in it, are in the order of the alphabet.
struct Document<'a> {
    export: &'a Export,
    pages: &'a Pages,
    written: Whole,
}

/// The SHA-256 of what is written when this is.
struct Whole(Rc<RefCell<Sha256>>);

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digest = self.0.borrow().clone().finalize();
        serializer.serialize_str(&hex::encode(digest))
    }
}

/// Takes the SHA-256 of what it writes.
struct Digesting<W> {
    out: W,
    written: Rc<RefCell<Sha256>>,
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.written.borrow_mut().update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Document {
            export,
            pages,
            written,
        } = self;
        let mut document = serializer.serialize_map(None)?;
        let actions = serde_json::to_value(&pages.actions).map_err(S::Error::custom)?;
        document.serialize_entry("actions", &actions)?;
        document.serialize_entry("channel", &export.channel)?;
        let checklists = serde_json::to_value(&pages.checklists).map_err(S::Error::custom)?;
        document.serialize_entry("checklists", &checklists)?;
        if export.incident.drill().is_some() {
            document.serialize_entry("drill", &true)?;
        }
        document.serialize_entry("entries", &Entries(pages))?;
        document.serialize_entry("exported_at", &export.now)?;
        document.serialize_entry("format", FORMAT)?;
        let head = serde_json::to_value(&pages.head).map_err(S::Error::custom)?;
        document.serialize_entry("head", &head)?;
        document.serialize_entry("incident", &export.incident.to_string())?;
        document.serialize_entry("rollbacks", &Rollbacks(pages))?;
        document.serialize_entry("version", &VERSION)?;
        document.serialize_entry(WHOLE, written)?;
        document.end()
    }
}

struct Entries<'a>(&'a Pages);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.entries))?;
        for place in 0..self.0.entries {
            // As a value, which sorts the keys.
            let entry = self
                .0
                .chained(place, |event| serde_json::to_value(event))
                .ok_or_else(|| S::Error::custom("an entry cannot be read"))?
                .map_err(S::Error::custom)?;
            list.serialize_element(&entry)?;
        }
        list.end()
    }
}

struct Rollbacks<'a>(&'a Pages);

impl Serialize for Rollbacks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ids = self.0.overview().rollbacks;
        let mut list = serializer.serialize_seq(None)?;
        for id in ids {
            let rollback = self
                .0
                .rollback(id)
                .ok_or_else(|| S::Error::custom("a rollback cannot be read"))?;
            let summary = serde_json::to_value(Summary::of(&rollback)).map_err(S::Error::custom)?;
            list.serialize_element(&summary)?;
        }
        list.end()
    }
}

/// JSON over several lines, in which strings have only letters that no terminal obeys and no editor
/// hides. It is the same value.
#[derive(Default)]
struct Plain(PrettyFormatter<'static>);

impl Formatter for Plain {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_unsafe) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let letter = rest[at..].chars().next().unwrap_or_default();
            for unit in letter.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + letter.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

fn is_unsafe(letter: char) -> bool {
    letter.is_control() || rollback_http::is_invisible(letter)
}
