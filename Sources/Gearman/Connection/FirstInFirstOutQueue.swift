/// What waits for its turn: appended at the end, taken from the front, both in constant time.
struct FirstInFirstOutQueue<Element> {
    private var elements: [Element] = []
    private var head = 0

    var count: Int { self.elements.count - self.head }
    var isEmpty: Bool { self.head == self.elements.count }
    var first: Element? { self.isEmpty ? nil : self.elements[self.head] }

    mutating func append(_ element: Element) {
        self.elements.append(element)
    }

    @discardableResult
    mutating func popFirst() -> Element? {
        guard !self.isEmpty else { return nil }
        let element = self.elements[self.head]
        self.head += 1
        // Half of the array is free at least, so that each element is moved once on the average.
        if self.head == self.elements.count {
            self.elements.removeAll(keepingCapacity: self.head < 1_024)
            self.head = 0
        } else if self.head >= 32, self.head * 2 >= self.elements.count {
            self.elements.removeFirst(self.head)
            self.head = 0
        }
        return element
    }
}

extension FirstInFirstOutQueue: Sendable where Element: Sendable {}

extension FirstInFirstOutQueue: Equatable where Element: Equatable {
    static func == (left: Self, right: Self) -> Bool {
        left.elements[left.head...] == right.elements[right.head...]
    }
}
