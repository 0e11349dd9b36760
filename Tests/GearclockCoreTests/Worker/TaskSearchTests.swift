import GearclockCore
import Testing

@Suite struct TaskSearchTests {
    private static let directory = ClusterDirectory([
        .init(name: "a", number: 0), .init(name: "b", number: 5), .init(name: "c", number: 6),
    ])
    private static let away = TaskError(.unavailable("away"))

    /// An id that was made for a cluster.
    private static func id(_ cluster: UInt64, _ number: UInt64 = 0) -> TaskID {
        TaskID(high: 0x8000 | cluster, low: 1 << 63 | number)
    }

    @Test func `a single cluster is asked once`() {
        var search = TaskSearch<Int>([Self.id(0), Self.id(9)], in: ClusterDirectory([.init(name: "a", number: 0)]))
        let questions = search.nextQuestions()
        #expect(questions.map(\.cluster) == [0] && questions[0].ids == [Self.id(0), Self.id(9)])
        search.replied(questions[0], .success([7, nil]))
        #expect(search.nextQuestions() == [])
        #expect(search.results == [.success(7), .failure(TaskAnswers.notFound)])
    }

    @Test func `the home of each id is asked first, and the others about what is not there`() {
        let ids = [Self.id(5), Self.id(0), Self.id(5, 1)]
        var search = TaskSearch<Int>(ids, in: Self.directory)
        let homes = search.nextQuestions()
        #expect(homes.map(\.cluster) == [0, 1])
        #expect(homes.map(\.ids) == [[ids[1]], [ids[0], ids[2]]])
        search.replied(homes[0], .success([1]))
        search.replied(homes[1], .success([5, nil]))
        let others = search.nextQuestions()
        #expect(others.map(\.cluster) == [0, 2] && others.allSatisfy { $0.ids == [ids[2]] })
        search.replied(others[0], .success([nil]))
        search.replied(others[1], .success([6]))
        #expect(search.nextQuestions() == [])
        #expect(search.results == [.success(5), .success(1), .success(6)])
    }

    @Test func `with everything found nobody else is asked`() {
        var search = TaskSearch<Int>([Self.id(5)], in: Self.directory)
        search.replied(search.nextQuestions()[0], .success([1]))
        #expect(search.nextQuestions() == [])
    }

    @Test func `what a cluster that is away may have is not said to be missing`() {
        let ids = [Self.id(5), Self.id(5, 1), Self.id(0)]
        var search = TaskSearch<Int>(ids, in: Self.directory)
        let homes = search.nextQuestions()
        search.replied(homes[0], .success([nil]))
        search.replied(homes[1], .failure(Self.away))
        for question in search.nextQuestions() {
            switch question.cluster {
            case 1: search.replied(question, .failure(Self.away))
            default: search.replied(question, .success(question.ids.map { $0 == ids[1] ? 3 : nil }))
            }
        }
        #expect(search.results == [.failure(Self.away), .success(3), .failure(Self.away)])
    }

    @Test func `a page is in the order of ids, whatever cluster has them`() {
        let records = ([5, 1, 4, 2, 3] as [UInt64]).map { number in
            let task = Sample.definition(number)
            return TaskAnswers.LocatedRecord(TaskRecord(task), store: "s\(number)")
        }
        #expect(records.page(limit: 4).map(\.store) == ["s1", "s2", "s3", "s4"])
    }
}
