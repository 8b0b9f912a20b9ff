//! The answer of `images`.

use jiff::Timestamp;
use serde::Serialize;

use super::schema::{document, lines};
use super::table::Table;
use super::{Format, Report, words};
use crate::error::Result;
use crate::printable;

/// The length of short ids, as in docker's own output.
const SHORT_ID: usize = 12;

/// An image that clusterdock has made or uses.
#[derive(Debug, Clone)]
pub struct OwnImage<'a> {
    /// Full id.
    pub id: &'a str,
    /// Its references.
    pub references: Vec<&'a str>,
    /// Size in bytes.
    pub size_bytes: u64,
    /// When it was created, in Unix seconds.
    pub created: i64,
    /// The clusters whose nodes use it.
    pub clusters: Vec<&'a str>,
}

#[derive(Serialize)]
struct Answer<'a> {
    images: Vec<ImageJson<'a>>,
}

#[derive(Serialize)]
struct ImageJson<'a> {
    id: &'a str,
    references: &'a [&'a str],
    size_bytes: u64,
    /// RFC 3339, UTC.
    created: Option<String>,
    clusters: &'a [&'a str],
}

impl Report {
    /// Prints images. If there are none, a remark says so.
    ///
    /// # Errors
    /// As [`answer`](Report::answer).
    pub fn images(&self, images: &[OwnImage<'_>], format: Format) -> Result<()> {
        let answers = || images.iter().map(json);
        self.answer(&match format {
            Format::Json => document(Answer {
                images: answers().collect(),
            }),
            Format::Jsonl => lines(answers()),
            Format::Quiet => images
                .iter()
                .flat_map(|image| &image.references)
                .map(|reference| printable::line(reference) + "\n")
                .collect(),
            Format::Table | Format::Wide => {
                if images.is_empty() {
                    self.note("No images.");
                    return Ok(());
                }
                table(images, self.clock.now())
            }
        })
    }
}

fn created(image: &OwnImage<'_>) -> Option<String> {
    Timestamp::from_second(image.created)
        .ok()
        .filter(|time| *time > Timestamp::UNIX_EPOCH)
        .map(|time| time.to_string())
}

fn json<'a>(image: &'a OwnImage<'a>) -> ImageJson<'a> {
    ImageJson {
        id: image.id,
        references: &image.references,
        size_bytes: image.size_bytes,
        created: created(image),
        clusters: &image.clusters,
    }
}

fn table(images: &[OwnImage<'_>], now: Timestamp) -> String {
    let column = |heading, cell: &dyn Fn(&OwnImage<'_>) -> String| {
        let cells = images.iter().map(|image| printable::line(&cell(image)));
        (heading, cells.collect::<Vec<_>>())
    };
    let short = |id: &str| {
        let digest = id.strip_prefix("sha256:").unwrap_or(id);
        digest.get(..SHORT_ID).unwrap_or(digest).to_string()
    };
    Table::of_columns(&[
        column("IMAGE", &|image| image.references.join(", ")),
        column("ID", &|image| short(image.id)),
        column("SIZE", &|image| words::bytes(image.size_bytes)),
        column("CREATED", &|image| {
            created(image)
                .map(|time| words::age(&time, now))
                .unwrap_or_default()
        }),
        column("USED BY", &|image| image.clusters.join(", ")),
    ])
    .text()
}
