//! Whose request has waited longest.

/// A queue of the clients with a request under way, in the order in which those were started.
///
/// All requests have the same timeout, so the first in the queue is the first to expire. A client
/// leaves from anywhere in the queue, at the same small cost: it is a doubly linked ring over an
/// array, with one more link than there are clients, which is both the head and the tail.
#[derive(Debug)]
pub(super) struct StartOrder {
    links: Vec<Link>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    before: usize,
    after: usize,
}

impl StartOrder {
    /// An empty queue for the clients numbered 0 to `clients` - 1.
    pub(super) fn new(clients: usize) -> StartOrder {
        StartOrder { links: vec![Link { before: clients, after: clients }; clients + 1] }
    }

    /// Appends a client that is not in the queue.
    pub(super) fn push(&mut self, client: usize) {
        let end = self.end();
        let last = self.links[end].before;
        self.join(last, client);
        self.join(client, end);
    }

    /// Takes out a client that is in the queue.
    pub(super) fn remove(&mut self, client: usize) {
        let Link { before, after } = self.links[client];
        self.join(before, after);
    }

    /// The client whose request was started first.
    pub(super) fn first(&self) -> Option<usize> {
        let first = self.links[self.end()].after;
        (first != self.end()).then_some(first)
    }

    fn end(&self) -> usize {
        self.links.len() - 1
    }

    fn join(&mut self, before: usize, after: usize) {
        self.links[before].after = after;
        self.links[after].before = before;
    }
}

#[cfg(test)]
mod tests {
    use super::StartOrder;

    #[test]
    fn the_first_is_the_oldest_whoever_leaves() {
        let mut order = StartOrder::new(4);
        assert_eq!(order.first(), None);
        (0..4).for_each(|client| order.push(client));
        order.remove(2);
        order.remove(0);
        assert_eq!(order.first(), Some(1));
        order.push(0);
        order.remove(1);
        assert_eq!(order.first(), Some(3));
        order.remove(3);
        assert_eq!(order.first(), Some(0));
        order.remove(0);
        assert_eq!(order.first(), None);
    }
}
