//! One spelling for what can be spelled in many ways: case, accents, look-alikes, invisible signs, leetspeak.

use unicode_normalization::UnicodeNormalization as _;

/// The text in small letters of compatible form, without accents and invisible signs, with single blanks.
pub(super) fn lowered(text: &str) -> String {
    let visible = text.chars().filter(|it| !is_invisible(*it));
    let letters = visible
        .flat_map(char::to_lowercase)
        .nfkd()
        .filter(|it| !matches!(it, '\u{300}'..='\u{36F}'));
    let mut plain = String::with_capacity(text.len());
    let mut lines = 0_u32;
    let mut blank = false;
    for sign in letters.nfc() {
        if sign.is_whitespace() {
            lines += u32::from(sign == '\n');
            blank = true;
            continue;
        }
        if std::mem::take(&mut blank) && !plain.is_empty() {
            plain.push_str(if lines > 1 { "\n\n" } else { " " });
        }
        lines = 0;
        plain.push(match sign {
            '\u{2018}' | '\u{2019}' | '\u{201B}' | '`' | '\u{B4}' => '\'',
            '\u{201C}' | '\u{201D}' | '\u{AB}' | '\u{BB}' => '"',
            '\u{2010}'..='\u{2015}' => '-',
            _ => sign,
        });
    }
    plain
}

/// Signs that people do not see: zero-width, bidirectional, variation selectors, tags, soft hyphens, fillers.
pub(super) fn is_invisible(sign: char) -> bool {
    matches!(
        sign,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180E}'
            | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}'
    ) || sign.is_control() && !sign.is_whitespace()
}

/// Letters of other scripts that look like Latin ones, as those; none if there are none. (After the confusables of
/// Unicode Technical Standard 39, those that are letters of living scripts.)
pub(super) fn latinised(text: &str) -> Option<String> {
    const ALIKE: &str = concat!(
        "аaбbвbгrдdеeзzиuкkлnмmнhоoпnрpсcтtуyхxчyшwьbіiїijjѕsԁdӏlһhԛqԝwѵvүyғfқkңhҳxөo",
        "αaβbγyεeζzηnιiκkλlμuνvοoπnρpσoςcτtυuφoχxωwϲcϳj",
        "օoսuոnհhցgքpզqյjլlѡw",
        "ɑaɡgɩiıiʏyɴnʀrʜhʟlᴀaᴄcᴅdᴇeᴊjᴋkᴍmᴏoᴘpᴛtᴜuᴠvᴡwᴢzɪiɢgʙbꜰfꜱs"
    );
    let alike = |sign: char| {
        let mut pairs = ALIKE.chars();
        while let (Some(from), Some(to)) = (pairs.next(), pairs.next()) {
            if from == sign {
                return to;
            }
        }
        sign
    };
    // Latin letters beside them: a text in another script alone is a text in that language.
    let mixed = text.bytes().any(|it| it.is_ascii_lowercase()) && !text.is_ascii();
    let latin: String = if mixed {
        text.chars().map(alike).collect()
    } else {
        return None;
    };
    (latin != text).then_some(latin)
}

/// Digits and signs inside words as the letters they stand for, with `1` as this letter; none if there are none.
pub(super) fn unleeted(text: &str, one: char) -> Option<String> {
    let is_leet = |word: &str| {
        let letters = word.bytes().filter(u8::is_ascii_lowercase).count();
        let signs = word.bytes().filter(|it| b"0134578@$!|".contains(it)).count();
        signs > 0 && letters > 0 || word.len() > 3 && signs == word.len()
    };
    let mut plain = String::with_capacity(text.len());
    let mut changed = false;
    for word in text.split_inclusive(' ') {
        if !is_leet(word.trim_end_matches([' ', '.', ',', '!', '?'])) {
            plain.push_str(word);
            continue;
        }
        changed = true;
        plain.extend(word.chars().map(|it| match it {
            '0' => 'o',
            '1' | '!' | '|' => one,
            '3' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            '7' => 't',
            '8' => 'b',
            _ => it,
        }));
    }
    changed.then_some(plain)
}

/// Words written with a sign between their letters (`i g n o r e`, `i.g.n.o.r.e`) as words; none if there are none.
pub(super) fn unspaced(text: &str) -> Option<String> {
    /// Fewer letters in a row are initials.
    const LEAST: usize = 4;
    let signs: Vec<char> = text.chars().collect();
    let is_letter = |at: usize| signs.get(at).is_some_and(|it| it.is_alphanumeric());
    // A letter that stands alone, and the separator that follows it.
    let alone = |at: usize| is_letter(at) && !is_letter(at + 1) && (at == 0 || !is_letter(at - 1));
    let mut plain = String::with_capacity(text.len());
    let mut changed = false;
    let mut at = 0;
    while let Some(sign) = signs.get(at) {
        let mut end = at;
        while alone(end)
            && alone(end + 2)
            && matches!(
                signs.get(end + 1),
                Some(' ' | '.' | '-' | '_' | '*' | '/' | '|' | ',' | '+')
            )
        {
            end += 2;
        }
        if (end - at) / 2 + 1 >= LEAST {
            plain.extend(signs[at..=end].iter().step_by(2));
            changed = true;
            at = end + 1;
        } else {
            plain.push(*sign);
            at += 1;
        }
    }
    changed.then_some(plain)
}

/// Text hidden in tag signs, which repeat ASCII invisibly; none if there is none.
pub(super) fn tagged(text: &str) -> Option<String> {
    let hidden: String = text
        .chars()
        .filter(|it| matches!(it, '\u{E0020}'..='\u{E007E}'))
        .filter_map(|it| char::from_u32(u32::from(it) - 0xE0000))
        .collect();
    // Flags of regions are made of up to six.
    (hidden.len() > 6).then_some(hidden)
}
