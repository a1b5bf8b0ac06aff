//! Medians and quantiles of measured values.

/// A median with the spread of its repeats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

/// `None` for no values at all. An even count takes the mean of the two in the middle.
pub fn spread(values: &[f64]) -> Option<Spread> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (*sorted.first()?, *sorted.last()?);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(Spread { median: (lower + upper) / 2.0, low, high })
}

/// The value at or below which the share `q` (0..=1) of the sorted values lies (nearest rank).
pub fn quantile(sorted: &[u64], q: f64) -> Option<u64> {
    let rank = (sorted.len() as f64 * q).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// The value up to which the share `kept` (0..=1) of the values lies; what is above is an outlier.
pub fn crop(values: &[f64], kept: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * kept).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// Number, mean and variance of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    pub count: usize,
    pub mean: f64,
    pub variance: f64,
}

impl Moments {
    pub fn of(values: &[f64]) -> Self {
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { count, mean, variance: squares / (count.saturating_sub(1)) as f64 }
    }
}

/// Welch's t of two samples: how many of its own errors their difference is large.
pub fn welch(a: Moments, b: Moments) -> f64 {
    let error = (a.variance / a.count as f64 + b.variance / b.count as f64).sqrt();
    if error > 0.0 { (a.mean - b.mean) / error } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_of_odd_even_and_none() {
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, low: 1.0, high: 3.0 }));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]).map(|s| s.median), Some(2.5));
        assert_eq!(spread(&[]), None);
    }

    /// Computed with R: `t.test(c(1,2,3,4,5), c(2,4,6,8,10,12))`.
    #[test]
    fn welch_of_a_known_pair() {
        let a = Moments::of(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        let b = Moments::of(&[2.0, 4.0, 6.0, 8.0, 10.0, 12.0]);
        assert_eq!((a.mean, a.variance, b.mean, b.variance), (3.0, 2.5, 7.0, 14.0));
        assert!((welch(a, b) + 2.3763541).abs() < 1e-6, "{}", welch(a, b));
        assert_eq!(welch(a, a), 0.0);
    }

    #[test]
    fn a_difference_smaller_than_the_noise_is_found_in_enough_samples() {
        let noise = |index: usize| (index * 7_919 % 1_000) as f64;
        let near: Vec<f64> = (0..5_000).map(|index| noise(index) + 30.0).collect();
        let far: Vec<f64> = (0..5_000).map(|index| noise(index + 3)).collect();
        let t = welch(Moments::of(&near), Moments::of(&far));
        assert!(t > 4.5, "{t}");
        let t = welch(Moments::of(&far), Moments::of(&(0..5_000).map(noise).collect::<Vec<_>>()));
        assert!(t.abs() < 1.0, "{t}");
    }

    #[test]
    fn outliers_lie_above_the_crop() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(crop(&values, 0.99), Some(99.0));
        assert_eq!(crop(&[], 0.99), None);
    }

    #[test]
    fn quantiles_take_the_nearest_rank() {
        let values: Vec<u64> = (1..=100).collect();
        assert_eq!(quantile(&values, 0.5), Some(50));
        assert_eq!(quantile(&values, 0.99), Some(99));
        assert_eq!(quantile(&values, 1.0), Some(100));
        assert_eq!(quantile(&[7], 0.0), Some(7));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
