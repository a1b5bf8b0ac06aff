//! Who gets the next call: of two drawn by weight, the one with less to do for its weight.

/// A whole number below the given one, which is not 0.
pub type Dice<'a> = &'a dyn Fn(u64) -> u64;

/// What is known of one who could get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its share of the calls. One of weight 0 is drawn only when there are no others.
    pub weight: u16,
    /// Calls that it has now.
    pub busy: usize,
}

/// The index of the chosen one; `None` when there is none.
pub fn choose(candidates: &[Candidate], dice: Dice<'_>) -> Option<usize> {
    let weights: Vec<u64> = candidates.iter().map(|one| u64::from(one.weight)).collect();
    let weights = if weights.iter().all(|weight| *weight == 0) { vec![1; weights.len()] } else { weights };
    let first = draw(&weights, None, dice)?;
    let Some(second) = draw(&weights, Some(first), dice) else { return Some(first) };
    let load = |index: usize| {
        let busy = candidates.get(index).map_or(0, |one| one.busy) as u64;
        (busy.saturating_add(1), weights.get(index).copied().unwrap_or(1))
    };
    let ((busy, weight), (other_busy, other_weight)) = (load(first), load(second));
    // busy / weight <= other_busy / other_weight, without dividing.
    let is_first = busy.saturating_mul(other_weight) <= other_busy.saturating_mul(weight);
    Some(if is_first { first } else { second })
}

/// Draws by weight among all but `except`.
fn draw(weights: &[u64], except: Option<usize>, dice: Dice<'_>) -> Option<usize> {
    let open = || weights.iter().enumerate().filter(|(index, weight)| Some(*index) != except && **weight > 0);
    let total: u64 = open().map(|(_, weight)| weight).sum();
    let mut left = (total > 0).then(|| dice(total))?;
    for (index, weight) in open() {
        if left < *weight {
            return Some(index);
        }
        left -= weight;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Even draws that anybody can repeat (an LCG, its high bits).
    fn dice() -> impl Fn(u64) -> u64 {
        let state = Cell::new(7u64);
        move |below| {
            state.set(
                state.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407),
            );
            (state.get() >> 33) % below
        }
    }

    fn of(pairs: &[(u16, usize)]) -> Vec<Candidate> {
        pairs.iter().map(|(weight, busy)| Candidate { weight: *weight, busy: *busy }).collect()
    }

    fn shares(candidates: &[Candidate], draws: usize) -> Vec<usize> {
        let dice = dice();
        let mut counts = vec![0; candidates.len()];
        for _ in 0..draws {
            counts[choose(candidates, &dice).unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn there_may_be_none_or_one() {
        assert_eq!(choose(&[], &dice()), None);
        assert_eq!(choose(&of(&[(100, 9)]), &dice()), Some(0));
        assert_eq!(choose(&of(&[(0, 9)]), &dice()), Some(0));
    }

    #[test]
    fn of_two_the_one_with_less_to_do() {
        assert_eq!(shares(&of(&[(100, 5), (100, 0)]), 200), [0, 200]);
        // Three times the weight may have three times as much.
        assert_eq!(shares(&of(&[(300, 3), (100, 1)]), 200)[1], 0);
        assert_eq!(shares(&of(&[(300, 8), (100, 1)]), 200)[0], 0);
    }

    #[test]
    fn the_busiest_of_three_gets_nothing_and_weights_count() {
        let counts = shares(&of(&[(100, 9), (100, 0), (100, 0)]), 3_000);
        assert_eq!(counts[0], 0);
        assert!(counts[1] > 1_000 && counts[2] > 1_000, "{counts:?}");
        let counts = shares(&of(&[(0, 0), (100, 7), (100, 7)]), 300);
        assert_eq!(counts[0], 0, "weight 0 takes none while others do");
    }

    #[test]
    fn calls_that_last_are_spread_by_weight() {
        let mut all = of(&[(100, 0), (200, 0), (100, 0)]);
        let dice = dice();
        for _ in 0..400 {
            let index = choose(&all, &dice).unwrap();
            all[index].busy += 1;
        }
        let spread: Vec<_> = all.iter().map(|one| one.busy).collect();
        assert!(spread[1].abs_diff(200) < 10 && spread[0].abs_diff(100) < 10, "{spread:?}");
    }
}
