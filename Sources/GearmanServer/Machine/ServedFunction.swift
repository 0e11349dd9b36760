/// A function that somebody registered, submitted a job to, or created.
struct ServedFunction: Equatable, Sendable {
    /// Three numbers or lists, one for each priority.
    struct ByPriority<Value: Equatable & Sendable>: Equatable, Sendable {
        private var high: Value
        private var normal: Value
        private var low: Value

        init(_ value: Value) {
            self.high = value
            self.normal = value
            self.low = value
        }

        subscript(priority: JobPriority) -> Value {
            get {
                switch priority {
                case .high: self.high
                case .normal: self.normal
                case .low: self.low
                }
            }
            _modify {
                switch priority {
                case .high: yield &self.high
                case .normal: yield &self.normal
                case .low: yield &self.low
                }
            }
        }
    }

    let name: [UInt8]
    var queues = ByPriority(JobList())
    /// Jobs whose time has not come, or that are not kept yet; they count as queued.
    var scheduled = ByPriority(0)
    var running = 0
    /// How many jobs it may have, at most, for one more of a priority; 0: any number.
    var queueLimits = ByPriority(UInt32(0))
    /// The connections that registered it, the first one first; as often as they did.
    var workers: [ConnectionID] = []
    /// Where in `workers` the search for a sleeping one begins.
    var nextToWake = 0
    /// How many of `workers` sleep and were not woken.
    var sleepers = 0

    init(name: [UInt8]) {
        self.name = name
    }

    /// As gearmand's C prints it: CAN_DO and CANT_DO take a name with a NUL, and nobody else can have meant it.
    var shownName: ArraySlice<UInt8> { self.name.prefix { $0 != 0 } }

    func queued(_ priority: JobPriority) -> Int {
        self.queues[priority].count + self.scheduled[priority]
    }

    /// All jobs, running ones included.
    var total: Int {
        JobPriority.allCases.reduce(self.running) { $0 + self.queued($1) }
    }

    /// Whether nothing would be lost if it were forgotten.
    var isUnused: Bool {
        self.workers.isEmpty && self.total == 0 && self.queueLimits == ByPriority(0)
    }
}

/// The functions of a server, by place and by name.
struct FunctionTable: Equatable, Sendable {
    /// A free place holds a function that means nothing. Optionals would be copied whenever a part of one is read.
    private var functions: [ServedFunction] = []
    private var isThere: [Bool] = []
    private var free: [Int] = []
    private var indices: [BytesKey: Int] = [:]

    var count: Int { self.indices.count }
    /// In the order of their places.
    var all: [Int] { self.functions.indices.filter { self.isThere[$0] } }

    subscript(index: Int) -> ServedFunction {
        _read {
            precondition(self.isThere[index], "There is no function at \(index)")
            yield self.functions[index]
        }
        _modify {
            precondition(self.isThere[index], "There is no function at \(index)")
            yield &self.functions[index]
        }
    }

    func index(of name: [UInt8]) -> Int? {
        self.indices[BytesKey(name)]
    }

    /// Whether the function at a place, if there is any, has this name.
    func isNamed(_ name: ArraySlice<UInt8>, at index: Int) -> Bool {
        self.functions.indices.contains(index) && self.isThere[index]
            && self.functions[index].name.elementsEqual(name)
    }

    mutating func insert(name: [UInt8]) -> Int {
        let index: Int
        if let last = self.free.popLast() {
            index = last
            self.functions[index] = ServedFunction(name: name)
            self.isThere[index] = true
        } else {
            index = self.functions.count
            self.functions.append(ServedFunction(name: name))
            self.isThere.append(true)
        }
        self.indices[BytesKey(name)] = index
        return index
    }

    mutating func remove(_ index: Int) {
        self.indices[BytesKey(self[index].name)] = nil
        self.functions[index] = ServedFunction(name: [])
        self.isThere[index] = false
        self.free.append(index)
    }

    /// Forgets the functions that nobody uses.
    mutating func removeUnused() {
        for index in self.all where self[index].isUnused { self.remove(index) }
    }
}
