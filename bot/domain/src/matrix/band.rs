//! A range of a number that a row of the matrix is about.

use std::{fmt, str::FromStr};

use super::Percent;

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Edge<N> {
    at: N,
    /// Whether the number at the edge is in the range.
    is_in: bool,
}

/// The numbers above one and below another: `> 50`, `<= 1`, `0.5 to 1`. At least one end is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Band<N> {
    low: Option<Edge<N>>,
    high: Option<Edge<N>>,
}

impl<N: Copy + Ord> Band<N> {
    /// Whether a number is in the range.
    pub fn holds(&self, number: N) -> bool {
        let above = |low: Edge<N>| number > low.at || (low.is_in && number == low.at);
        let below = |high: Edge<N>| number < high.at || (high.is_in && number == high.at);
        self.low.is_none_or(above) && self.high.is_none_or(below)
    }

    /// Whether every number in `other` is in this range.
    pub(super) fn covers(&self, other: &Band<N>) -> bool {
        let wider = |mine: Edge<N>, other: Option<Edge<N>>, is_beyond: fn(&N, &N) -> bool| {
            other.is_some_and(|other| {
                is_beyond(&other.at, &mine.at)
                    || (other.at == mine.at && (mine.is_in || !other.is_in))
            })
        };
        self.low.is_none_or(|low| wider(low, other.low, N::gt))
            && self.high.is_none_or(|high| wider(high, other.high, N::lt))
    }
}

impl<N: FromStr + Copy + Ord> FromStr for Band<N> {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number = |text: &str| text.trim().parse().map_err(|_| ());
        let edge = |text: &str, is_in: bool| number(text).map(|at| Some(Edge { at, is_in }));
        let text = text.trim();
        let (low, high) = if let Some((low, high)) = text.split_once(" to ") {
            (edge(low, true)?, edge(high, true)?)
        } else if let Some(rest) = text.strip_prefix(">=") {
            (edge(rest, true)?, None)
        } else if let Some(rest) = text.strip_prefix('>') {
            (edge(rest, false)?, None)
        } else if let Some(rest) = text.strip_prefix("<=") {
            (None, edge(rest, true)?)
        } else if let Some(rest) = text.strip_prefix('<') {
            (None, edge(rest, false)?)
        } else {
            return Err(());
        };
        match (low, high) {
            (Some(low), Some(high)) if low.at > high.at => Err(()),
            (low, high) => Ok(Band { low, high }),
        }
    }
}

impl fmt::Display for Band<Percent> {
    /// As a clause begins: *more than 50 %*.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, |percent| format!("{percent} %"))
    }
}

impl<N: Copy> Band<N> {
    /// *more than 50 %*, *0.5 % to 1 %*; `number` writes one number with its unit.
    pub(super) fn write(
        &self,
        f: &mut impl fmt::Write,
        number: impl Fn(N) -> String,
    ) -> fmt::Result {
        match (self.low, self.high) {
            (Some(low), Some(high)) => write!(f, "{} to {}", number(low.at), number(high.at)),
            (Some(Edge { at, is_in: true }), None) => write!(f, "at least {}", number(at)),
            (Some(Edge { at, is_in: false }), None) => write!(f, "more than {}", number(at)),
            (None, Some(Edge { at, is_in: true })) => write!(f, "at most {}", number(at)),
            (None, Some(Edge { at, is_in: false })) => write!(f, "less than {}", number(at)),
            (None, None) => f.write_str("any"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn band(text: &str) -> Band<u32> {
        text.parse().expect(text)
    }

    #[test]
    fn ranges_are_read_and_hold() {
        for (text, inside, outside) in [
            ("> 50", vec![51, 100], vec![50, 0]),
            (">= 50", vec![50, 51], vec![49]),
            ("<1", vec![0], vec![1, 2]),
            ("<= 1", vec![0, 1], vec![2]),
            ("5 to 10", vec![5, 7, 10], vec![4, 11]),
        ] {
            let band = band(text);
            assert!(
                inside.into_iter().all(|number| band.holds(number)),
                "{text}"
            );
            assert!(
                !outside.into_iter().any(|number| band.holds(number)),
                "{text}"
            );
        }
        for text in ["", "50", "> ", "> -1", "10 to 5", "=> 5", "5 to", "> 5 %%"] {
            assert_eq!(text.parse::<Band<u32>>(), Err(()), "{text}");
        }
    }

    fn any_band() -> impl Strategy<Value = Band<u32>> {
        let edge = || proptest::option::of((0..12_u32, any::<bool>()));
        (edge(), edge()).prop_map(|(low, high)| Band {
            low: low.map(|(at, is_in)| Edge { at, is_in }),
            high: high.map(|(at, is_in)| Edge { at, is_in }),
        })
    }

    proptest! {
        /// What covers another holds whatever the other holds.
        #[test]
        fn what_covers_holds(one in any_band(), other in any_band(), number in 0..12_u32) {
            if one.covers(&other) && other.holds(number) {
                prop_assert!(one.holds(number));
            }
        }
    }
}
