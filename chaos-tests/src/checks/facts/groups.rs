//! Things by the number of what they belong to.

/// The indices of a list's elements, grouped by a small number and in their order.
#[derive(Debug, Default)]
pub struct Groups {
    starts: Vec<usize>,
    items: Vec<usize>,
}

impl Groups {
    /// Groups the elements of a list, given the number of each, all below `count`.
    pub fn new(count: usize, numbers: impl Iterator<Item = usize> + Clone) -> Self {
        let mut starts = vec![0; count + 1];
        for number in numbers.clone() {
            starts[number + 1] += 1;
        }
        for number in 0..count {
            starts[number + 1] += starts[number];
        }
        let mut next = starts.clone();
        let mut items = vec![0; starts[count]];
        for (item, number) in numbers.enumerate() {
            items[next[number]] = item;
            next[number] += 1;
        }
        Self { starts, items }
    }

    /// The elements of a number.
    pub fn of(&self, number: usize) -> &[usize] {
        &self.items[self.starts[number]..self.starts[number + 1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_stand_with_their_number_in_their_order() {
        let groups = Groups::new(4, [2, 0, 2, 3].into_iter());
        let found: Vec<_> = (0..4).map(|number| groups.of(number)).collect();
        assert_eq!(found, [&[1][..], &[], &[0, 2], &[3]]);
    }
}
