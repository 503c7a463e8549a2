/// Tasks that come along: name, and file.
pub(super) const TASKS: &[(&str, &str)] = &[
    ("eegmmidb-fists-feet", include_str!("../../tasks/eegmmidb-fists-feet.toml")),
    ("eegmmidb-left-right", include_str!("../../tasks/eegmmidb-left-right.toml")),
    ("openbci16-left-right", include_str!("../../tasks/openbci16-left-right.toml")),
    ("openbci16-left-right-idle", include_str!("../../tasks/openbci16-left-right-idle.toml")),
];
