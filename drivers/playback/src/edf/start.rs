use super::header::Header;

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/// The date and time of the first data record as text: ISO 8601 where the header's fields are a date and a time,
/// else as they stand.
///
/// The date field has two digits for the year, 85 to 99 meaning 1985 to 1999 and 00 to 84 meaning 2000 to 2084;
/// EDF+ repeats the date with four digits in the recording's identification (`Startdate 10-DEC-2009`).
pub(super) fn of_first_frame(
    header: &Header,
    first_onset_s: f64,
    warnings: &mut Vec<String>,
) -> Option<String> {
    let (date, time) = (header.start_date.as_str(), header.start_time.as_str());
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let (Some(date_text), Some(time_text)) = (date_of(header), time_of(time)) else {
        return Some(format!("{date} {time}").trim().to_owned());
    };
    // EDF+ wants the header to give the second in which the first data record starts.
    let fraction = if (0.0..1.0).contains(&first_onset_s) {
        first_onset_s.to_string().trim_start_matches('0').to_owned()
    } else {
        warnings.push(format!(
            "the first data record starts {first_onset_s} s from the header's start time: the start given here is \
             the header's"
        ));
        String::new()
    };
    Some(format!("{date_text}T{time_text}{fraction}"))
}

fn date_of(header: &Header) -> Option<String> {
    let [day, month, year] = numbers(&header.start_date)?;
    if !(1..=31).contains(&day) || !(1..=12).contains(&month) || year > 99 {
        return None;
    }
    let century = if year >= 85 { 1900 } else { 2000 };
    Some(
        identified_date(&header.recording_id).unwrap_or(format!("{:04}-{month:02}-{day:02}", century + year)),
    )
}

fn identified_date(recording_id: &str) -> Option<String> {
    let mut date = recording_id.strip_prefix("Startdate ")?.split(' ').next()?.splitn(3, '-');
    let day: u32 = date.next()?.parse().ok().filter(|d| (1..=31).contains(d))?;
    let name = date.next()?.to_ascii_uppercase();
    let month = MONTHS.iter().position(|m| *m == name)? + 1;
    let year: u32 = date.next()?.parse().ok().filter(|y| (1000..=9999).contains(y))?;
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

fn time_of(text: &str) -> Option<String> {
    let [hour, minute, second] = numbers(text)?;
    (hour < 24 && minute < 60 && second < 60).then(|| format!("{hour:02}:{minute:02}:{second:02}"))
}

/// Three numbers; the standard separates them by dots, some recorders by other signs.
fn numbers(text: &str) -> Option<[u32; 3]> {
    let mut parts = text.split(['.', ':', '-', '/']).map(|p| p.trim().parse().ok());
    let all = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_read_as_the_standard_says() {
        assert_eq!(identified_date("Startdate 02-mar-2102 X X X").as_deref(), Some("2102-03-02"));
        assert_eq!(identified_date("Startdate X X X X"), None);
        assert_eq!(time_of("23.59.07").as_deref(), Some("23:59:07"));
        assert_eq!(time_of("24.00.00"), None);
        assert_eq!(numbers("1.2"), None);
        assert_eq!(numbers("1.2.3.4"), None);
    }
}
