//! The page for people: who leads, what the last sweeps did, how full the ranges are.
//!
//! One document without scripts. Every text in it goes through `text::escaped`.

mod alerts;
mod header;
mod ranges;
mod releases;
mod sweeps;
mod text;
mod time;

use jiff::Zoned;

use crate::page::text::escaped;
use crate::status::Snapshot;

/// How often a browser reads the page again, in seconds.
const REFRESH: u32 = 30;

const STYLE: &str = include_str!("page/style.css");

/// The page, with times as a clock beside `now` shows them.
pub fn render(status: &Snapshot, now: &Zoned) -> String {
    let cluster = escaped(&status.cluster);
    let header = header::section(status, now);
    let alerts = alerts::section(status);
    let ranges = ranges::section(status);
    let sweeps = sweeps::section(&status.sweeps, now);
    let releases = releases::section(&status.releases, now);
    let read = time::instant(now.timestamp(), now);
    let zone = escaped(&now.strftime("%Z").to_string()).to_string();
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "<!doctype html>\n\
         <html lang=\"en\">\n\
         <head>\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"refresh\" content=\"{REFRESH}\">\n\
         <title>lease-gc · {cluster}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <style>\n{STYLE}</style>\n\
         </head>\n\
         <body>\n\
         {header}<main>\n{alerts}{ranges}{sweeps}{releases}</main>\n\
         <footer><p>Read {read} {zone}, again every {REFRESH} s. lease-gc {version}.</p>\
         <p><a href=\"metrics\">metrics</a> <a href=\"healthz\">healthz</a> \
         <a href=\"readyz\">readyz</a></p></footer>\n\
         </body>\n\
         </html>\n"
    )
}

#[cfg(test)]
mod tests;
