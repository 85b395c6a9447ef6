//! Numbers as printed: zero suppression, floating signs and currency, insertions.

use super::{Category, Edit, Picture, Result, Run, Scale, Symbol, Symbols, chars, shown, sized, wrong};

/// What a numeric-edited picture describes.
///
/// The order of symbols is that of the Language Reference's precedence table: a fixed sign, then a fixed currency
/// sign, then suppressed or floating positions, then nines, and a fixed sign at the end; insertions anywhere between.
pub(super) fn edited(text: &str, runs: &[Run], symbols: Symbols) -> Result<Picture> {
    let refuse = |what: &str| wrong(format!("{}: {what}", shown(text)));
    let count = |symbol| runs.iter().filter(|run| run.symbol == symbol).map(|run| run.count).sum::<usize>();
    if count(Symbol::S) > 0 {
        return refuse("`S` is not for edited numbers; `+`, `-`, `CR` or `DB` show their sign");
    }
    let (plus, minus) = (count(Symbol::Plus), count(Symbol::Minus));
    let ends = count(Symbol::Credit).saturating_add(count(Symbol::Debit));
    if [plus, minus, ends].iter().filter(|count| **count > 0).count() > 1 || ends > 1 {
        return refuse("only one kind of sign (`+`, `-`, `CR`, `DB`) can be shown");
    }
    let mut body = runs;
    let signed = plus + minus + ends > 0;
    // A sign or currency sign that stands once is fixed, at its end of the picture; else it floats.
    let mut fixed_signs = 0;
    if let [Run { symbol: Symbol::Plus | Symbol::Minus, count: 1 }, rest @ ..] = body
        && plus + minus == 1
    {
        body = rest;
        fixed_signs += 1;
    }
    if let [Run { symbol: Symbol::Currency, count: 1 }, rest @ ..] = body
        && count(Symbol::Currency) == 1
    {
        body = rest;
    }
    if let [rest @ .., Run { symbol: Symbol::Plus | Symbol::Minus, count: 1 }] = body
        && plus + minus == 1
    {
        body = rest;
        fixed_signs += 1;
    }
    if let [rest @ .., Run { symbol: Symbol::Credit | Symbol::Debit, count: 1 }] = body {
        body = rest;
        fixed_signs += 1;
    }
    if fixed_signs > 1 {
        return refuse("only one kind of sign (`+`, `-`, `CR`, `DB`) can be shown");
    }
    let read = match read(body) {
        Ok(read) => read,
        Err(what) => return refuse(what),
    };
    let (digits, scale) = sized(text, read.digits, read.scale)?;
    Ok(Picture {
        text: text.to_owned(),
        category: Category::NumericEdited,
        digits,
        scale,
        signed,
        chars: chars(runs),
        edits: runs.iter().flat_map(|run| edits(*run, count(run.symbol), symbols)).collect(),
    })
}

/// What the positions of a run print, of which the picture has so many symbols in all.
fn edits(run: Run, in_all: usize, symbols: Symbols) -> impl Iterator<Item = Edit> {
    let (point, comma) = if symbols.decimal_comma { (',', '.') } else { ('.', ',') };
    let sign = |c| if in_all > 1 { Edit::Floating(c) } else { Edit::Sign(c) };
    let edit = match run.symbol {
        Symbol::Nine => Some(Edit::Digit),
        Symbol::Z => Some(Edit::Suppressed),
        Symbol::Star => Some(Edit::Star),
        Symbol::Plus => Some(sign('+')),
        Symbol::Minus => Some(sign('-')),
        Symbol::Currency if in_all > 1 => Some(Edit::Floating(symbols.currency)),
        Symbol::Currency => Some(Edit::Currency(symbols.currency)),
        Symbol::Blank => Some(Edit::Insertion(' ')),
        Symbol::Zero => Some(Edit::Insertion('0')),
        Symbol::Slash => Some(Edit::Insertion('/')),
        Symbol::Comma => Some(Edit::Insertion(comma)),
        Symbol::Point => Some(Edit::Point(point)),
        Symbol::V => Some(Edit::ImpliedPoint),
        Symbol::Credit => Some(Edit::Credit),
        Symbol::Debit => Some(Edit::Debit),
        Symbol::X | Symbol::A | Symbol::N | Symbol::G | Symbol::S | Symbol::P => None,
    };
    edit.into_iter().flat_map(move |edit| std::iter::repeat_n(edit, run.count))
}

struct Read {
    digits: usize,
    scale: Scale,
}

/// The digit positions of a picture without its fixed signs.
fn read(body: &[Run]) -> std::result::Result<Read, &'static str> {
    let mut suppressing: Option<Symbol> = None;
    // Positions before and behind the decimal point: suppressed (or floating) ones, and nines.
    let (mut suppressed, mut nines) = ([0_usize; 2], [0_usize; 2]);
    let (mut side, mut points) = (0, 0);
    let (mut left_scale, mut right_scale, mut point_moves) = (0, 0, false);
    for Run { symbol, count } in body.iter().copied() {
        let digits_so_far = suppressed[0] + suppressed[1] + nines[0] + nines[1];
        match symbol {
            Symbol::Blank | Symbol::Zero | Symbol::Slash | Symbol::Comma => {}
            Symbol::Point | Symbol::V => {
                points += count;
                side = 1;
                // Redundant beside `P`, which says where the point is.
                point_moves = point_moves || left_scale + right_scale == 0;
                if symbol == Symbol::Point && left_scale + right_scale > 0 {
                    return Err("`P` and a printed decimal point exclude each other");
                }
            }
            Symbol::P if right_scale > 0 => {
                return Err("`P` must be consecutive and at one end of the digits");
            }
            Symbol::P if digits_so_far == 0 => left_scale += count,
            Symbol::P if side == 0 && left_scale == 0 => right_scale += count,
            Symbol::P => return Err("`P` must be consecutive and at one end of the digits"),
            _ if right_scale > 0 => return Err("`P` must be consecutive and at one end of the digits"),
            Symbol::Nine => nines[side] = nines[side].saturating_add(count),
            Symbol::Z | Symbol::Star | Symbol::Plus | Symbol::Minus | Symbol::Currency => {
                if *suppressing.get_or_insert(symbol) != symbol {
                    return Err("only one of `Z`, `*` and a floating sign can replace leading zeros");
                }
                if nines[0] + nines[1] > 0 {
                    return Err("positions that replace leading zeros must precede every `9`");
                }
                suppressed[side] = suppressed[side].saturating_add(count);
            }
            _ => return Err("a fixed sign or currency sign must be at an end of the picture"),
        }
    }
    if points > 1 {
        return Err("it has more than one decimal point");
    }
    if suppressed[1] > 0 && nines[0] + nines[1] > 0 {
        return Err("if a digit after the decimal point is suppressed, all digits must be");
    }
    let floats = matches!(suppressing, Some(Symbol::Plus | Symbol::Minus | Symbol::Currency));
    if floats && (suppressed[0] == 0 || suppressed[0] + suppressed[1] < 2) {
        return Err("a floating sign must occur at least twice and start before the decimal point");
    }
    let digits = [suppressed, nines].iter().flatten().fold(0_usize, |sum, count| sum.saturating_add(*count));
    // The first floating position holds the sign itself.
    let digits = if floats { digits - 1 } else { digits };
    let scale = if left_scale > 0 {
        if side == 1 && point_moves && suppressed[0] + nines[0] > 0 {
            return Err("`P` already defines the decimal point, so `V` is not allowed");
        }
        Scale::Right(left_scale.saturating_add(digits))
    } else if right_scale > 0 {
        if side == 1 && point_moves {
            return Err("`P` already defines the decimal point, so `V` is not allowed");
        }
        Scale::Left(right_scale)
    } else {
        Scale::Right(suppressed[1].saturating_add(nines[1]))
    };
    Ok(Read { digits, scale })
}
