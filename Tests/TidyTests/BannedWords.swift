/// A word that some rooms do without, and what takes its place there.
struct BannedWord {
    let word: String
    let instead: String
    let rooms: Set<Room>
    /// The files that may use it all the same: what everybody else is given is made there.
    var except: Set<String> = []

    static let all: [BannedWord] =
        concurrency + time + chance + surroundings + asynchrony + logging + surface + habits

    private static func ban(
        _ words: String..., instead: String, in rooms: Set<Room>, except: Set<String> = []
    ) -> [BannedWord] {
        words.map { BannedWord(word: $0, instead: instead, rooms: rooms, except: except) }
    }

    private static let concurrency =
        ban(
            "Task {", "Task (", "Task .detached", "Task .init", "Task .immediate",
            instead: "a child of a task group, which ends before its parent does", in: .everywhere)
        + ban(
            "DispatchSemaphore", "DispatchGroup", "sem_wait", "NSCondition", "NSLock", ".sync {", ".sync (",
            instead: "an actor; a blocked thread is missing elsewhere", in: .everywhere)
        + ban(
            "@unchecked", "nonisolated(unsafe)", "@preconcurrency",
            instead: "an actor, or a Mutex around the value", in: .everywhere)

    private static let time =
        ban(
            "Date.now", "Date (", "ContinuousClock", "SuspendingClock", "clock_gettime", "gettimeofday", "time(nil)",
            ".continuous",
            instead: "the argument `now`, or the clock of the daemon's environment",
            in: .sources.subtracting([.transport]),
            except: ["Sources/GearclockEnvironment/SystemClock.swift"])
        + ban(
            "Task .sleep", "Thread .sleep", "usleep", "nanosleep", "sleep(forTimeInterval",
            instead: "a timer as an action, or the environment's clock; in tests, wait for a signal",
            in: .everywhere,
            except: [
                "Sources/GearclockEnvironment/SystemClock.swift",
                // SQLite asks its caller to wait for another process's lock, on a thread of GRDB's.
                "Sources/GearclockSQLite/SQLiteConnections.swift",
                // Measures; nothing passes or fails by it.
                "Tests/Support/BenchCommand/EngineBenchmark.swift",
            ])
        + ban(
            "DispatchTime.now", "DispatchWallTime.now", "asyncAfter",
            instead: "the timers of Gearman's event loop",
            in: .everywhere.subtracting([.transport]))

    private static let chance =
        ban(
            ".randomElement ()", ".shuffled ()", ".shuffle ()", "Bool.random ()", "UUID ()",
            instead: "the generator that is passed in (`using:`)", in: .everywhere)
        + ban(
            "SystemRandomNumberGenerator", "arc4random", "drand48", "getrandom", "/dev/urandom",
            instead: "the generator that is passed in; the executable makes the real one and logs its seed",
            in: .everywhere.subtracting([.door, .gearman, .transport]))

    private static let surroundings =
        ban(
            "FileManager", "FileHandle", "fopen", "ProcessInfo", "CommandLine", "getenv", "setenv",
            instead: "an argument: only the executable looks at files, environment and arguments",
            in: .sources.subtracting([.door]))
        + ban(
            "getaddrinfo", "sockaddr", "DispatchSource",
            instead: "Gearman's transport",
            in: [.protocolMachines, .core, .stores, .environment, .daemons])
        + ban(
            "exit (", "abort (", "signal (", "sigaction",
            instead: "an error that reaches the executable", in: .sources.subtracting([.door]))

    private static let asynchrony =
        ban(
            "async", "await", "actor", "Mutex", "AsyncStream",
            instead: "a machine that returns an action",
            in: .machines,
            except: [
                "Sources/GearclockCore/Store/TaskStore.swift", "Sources/GearclockCore/Store/TaskStoreReply.swift",
                "Sources/GearclockCore/Store/JobStore.swift",
                "Sources/GearclockCore/Store/InMemoryTaskStore.swift",
            ])

    private static let logging =
        ban("Logger", instead: "an action, or a value that the caller logs", in: .machines)
        + ban(
            "logger.info", "logger.notice", "logger.warning", "logger.error", "logger.critical",
            instead: "debug or trace, and an error to the caller, who knows whether it matters",
            in: Set.library.union([.stores]),
            // A job server that breaks the protocol is the one thing that only the library sees.
            except: ["Sources/Gearman/Transport/ServerLink.swift"])
        + ban("print (", "debugPrint (", "dump (", instead: "the logger", in: .sources.subtracting([.door]))

    private static let surface =
        ban("public", instead: "package: only the library Gearman is public", in: .sources.subtracting(.library))
        + ban("@testable", instead: "package access, so that the same tests run in release", in: .everywhere)
        + ban("import XCTest", instead: "Swift Testing", in: .everywhere)

    private static let habits =
        ban("try!", instead: "an error, or preconditionFailure for our own mistake", in: .everywhere)
        + ban("fatalError", instead: "preconditionFailure with the state in its text", in: .sources)
}

/// What stands for work that is not done, in comments as well as in code.
let unfinishedWords = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]

/// Endings of type names that say nothing.
let emptyNames = ["Manager", "Helper", "Helpers", "Util", "Utils", "Utility", "Common", "Base", "Impl"]
