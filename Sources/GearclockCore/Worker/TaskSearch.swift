/// Decides which clusters are asked about which ids: the home of each first, then the others about what is not found.
///
/// An id is elsewhere when a cluster was added after a client chose it. `IntakeService` in GearclockWorker asks.
package struct TaskSearch<Answer: Sendable>: Sendable {
    package struct Question: Equatable, Sendable {
        /// The place of the cluster in the directory.
        package let cluster: Int
        /// The places of the ids in the request.
        let places: [Int]
        package let ids: [TaskID]
    }

    private enum Round {
        case homes, others, over
    }

    private let ids: [TaskID]
    private let directory: ClusterDirectory
    private var round = Round.homes
    private var answers: [Answer?]
    /// Why an id may be somewhere and was not found: a cluster did not answer.
    private var errors: [TaskError?]

    package init(_ ids: [TaskID], in directory: ClusterDirectory) {
        self.ids = ids
        self.directory = directory
        self.answers = ids.map { _ in nil }
        self.errors = ids.map { _ in nil }
    }

    /// What is asked next, all at the same time; nothing: the search is over. Report each by ``replied(_:_:)``.
    package mutating func nextQuestions() -> [Question] {
        let homes = self.ids.map { self.directory.home(of: $0) }
        let round = self.round
        let isAsked: (_ place: Int, _ cluster: Int) -> Bool
        switch round {
        case .homes:
            self.round = self.directory.clusters.count == 1 ? .over : .others
            isAsked = { place, cluster in homes[place] == cluster }
        case .others:
            self.round = .over
            let answers = self.answers
            isAsked = { place, cluster in answers[place] == nil && homes[place] != cluster }
        case .over:
            return []
        }
        return self.directory.clusters.indices.compactMap { cluster in
            let places = self.ids.indices.filter { isAsked($0, cluster) }
            guard !places.isEmpty else { return nil }
            return Question(cluster: cluster, places: places, ids: places.map { self.ids[$0] })
        }
    }

    /// A cluster answered: one for each id, `nil` where it has no such task.
    package mutating func replied(_ question: Question, _ reply: Result<[Answer?], TaskError>) {
        switch reply {
        case .success(let answers):
            for (place, answer) in zip(question.places, answers) where self.answers[place] == nil {
                self.answers[place] = answer
            }
        case .failure(let error):
            for place in question.places where self.errors[place] == nil { self.errors[place] = error }
        }
    }

    /// For each id what was found; otherwise why it is not known, or `not_found`.
    package var results: [Result<Answer, TaskError>] {
        zip(self.answers, self.errors).map { answer, error in
            answer.map { .success($0) } ?? .failure(error ?? TaskAnswers.notFound)
        }
    }
}

extension [TaskAnswers.LocatedRecord] {
    /// One page of the pages of all clusters: in the order of ids.
    package func page(limit: Int) -> [TaskAnswers.LocatedRecord] {
        Array(self.sorted { $0.record.id < $1.record.id }.prefix(limit))
    }
}
