//! Distances and places sorted together, equal distances in the order that scikit-learn leaves them in.
//!
//! Source: `introsort_2way` in `sklearn/utils/_sorting.pyx`.

/// Sorts `places` with `values`, ascending.
pub(crate) fn sort_together(values: &mut [f64], places: &mut [u32]) {
    let depth = 2 * values.len().checked_ilog2().unwrap_or(0);
    sort(values, places, depth);
}

fn sort(mut values: &mut [f64], mut places: &mut [u32], mut depth: u32) {
    while values.len() > 15 {
        if depth == 0 {
            return sort_by_heap(values, places);
        }
        depth -= 1;
        let last = values.len() - 1;
        let pivot = median_last(values, places);
        let (mut i, mut j) = (1, last - 1);
        loop {
            while i <= j && values[i] < pivot {
                i += 1;
            }
            while i <= j && values[j] > pivot {
                j -= 1;
            }
            if i >= j {
                break;
            }
            swap(values, places, i, j);
            i += 1;
            j -= 1;
        }
        swap(values, places, i, last);
        let (low, rest) = values.split_at_mut(i);
        let (low_places, rest_places) = places.split_at_mut(i);
        sort(low, low_places, depth);
        (values, places) = (&mut rest[1..], &mut rest_places[1..]);
    }
    for from in 1..values.len() {
        let mut at = from;
        while at > 0 && values[at - 1] > values[at] {
            swap(values, places, at - 1, at);
            at -= 1;
        }
    }
}

/// Puts the least of three at the start and the middle one at the end, which it answers.
fn median_last(values: &mut [f64], places: &mut [u32]) -> f64 {
    let (middle, last) = (values.len() / 2, values.len() - 1);
    if values[0] > values[last] {
        swap(values, places, 0, last);
    }
    if values[last] > values[middle] {
        swap(values, places, last, middle);
        if values[0] > values[last] {
            swap(values, places, 0, last);
        }
    }
    values[last]
}

fn sort_by_heap(values: &mut [f64], places: &mut [u32]) {
    for start in (0..=(values.len() - 2) / 2).rev() {
        sift(values, places, start, values.len());
    }
    for end in (1..values.len()).rev() {
        swap(values, places, 0, end);
        sift(values, places, 0, end);
    }
}

fn sift(values: &mut [f64], places: &mut [u32], mut root: usize, end: usize) {
    loop {
        let child = 2 * root + 1;
        let mut largest = root;
        if child < end && values[largest] < values[child] {
            largest = child;
        }
        if child + 1 < end && values[largest] < values[child + 1] {
            largest = child + 1;
        }
        if largest == root {
            return;
        }
        swap(values, places, root, largest);
        root = largest;
    }
}

fn swap(values: &mut [f64], places: &mut [u32], one: usize, other: usize) {
    values.swap(one, other);
    places.swap(one, other);
}
