//! Who holds an address, for people.

use store::key::holder_name;
use store::record::{Holder, Reservation};

/// In one word what an address is; `None` stands for a holder that cannot be read.
pub const fn state(holder: Option<&Holder>) -> &'static str {
    match holder {
        Some(Holder::Attachment(_)) => "allocated",
        Some(Holder::Cooldown(_)) => "resting",
        Some(Holder::Reservation(_)) => "reserved",
        Some(Holder::Quarantine(_)) => "quarantined",
        None => "unreadable",
    }
}

/// Who holds it, or held it, or why nobody may; an attachment by its name as a holder.
pub fn whose(holder: &Holder) -> String {
    match holder {
        Holder::Attachment(attachment) => holder_name(attachment),
        Holder::Cooldown(rest) => format!(
            "rests for {} s since {}, was {}",
            rest.cooldown_s, rest.released, rest.was
        ),
        Holder::Reservation(why) | Holder::Quarantine(why) => reservation(why),
    }
}

fn reservation(why: &Reservation) -> String {
    let reason = match why.reason.as_str() {
        "" => "no reason given",
        reason => reason,
    };
    let owner = match why.owner.as_str() {
        "" => String::new(),
        owner => format!(", by {owner}"),
    };
    let expires = match &why.expires {
        Some(expires) => format!(", until {expires}"),
        None => String::new(),
    };
    format!("{reason}{owner}{expires}")
}
