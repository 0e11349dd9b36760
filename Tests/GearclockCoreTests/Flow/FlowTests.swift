import GearclockCore
import Testing

/// What functions that cannot take more have to do with the others, by the number of hand-overs: nothing.
@Suite struct FlowTests {
    /// A healthy function, and so many others of which more is overdue than may run; one job of each at once.
    private static func world(limited: Int, controllers: Int) -> FlowWorld {
        var world = FlowWorld(controllers: controllers)
        world.add("healthy", duration: 1000)
        for number in 0..<limited { world.add("limited\(number)", duration: 1_000_000, inFlight: 1) }
        world.start()
        world.submit("healthy", 1, every: 10_000, dueIn: 500_000)
        // Until all of them are full.
        world.run(seconds: 3)
        return world
    }

    @Test(arguments: [1, 2]) func `a healthy function is as punctual beside many that are full`(controllers: Int) {
        var alone = Self.world(limited: 0, controllers: controllers)
        var beside = Self.world(limited: 200, controllers: controllers)
        alone.run(seconds: 3)
        beside.run(seconds: 3)
        let (usual, p99) = (alone.lateness("healthy", 0.99), beside.lateness("healthy", 0.99))
        #expect(p99 <= max(2 * usual, 1000), "\(p99) µs, alone \(usual) µs")
        // And they get what they may have: a job each in a second.
        let limited = beside.functions.values.filter(\.hasBacklog).map(\.started)
        #expect(limited.reduce(0, +) >= 590, "\(limited.reduce(0, +)) jobs")
        #expect(limited.min()! >= 2)
        #expect(beside.handOvers < 4 * beside.accepted, "\(beside.handOvers) hand-overs for \(beside.accepted) tasks")
        #expect(beside.released < beside.accepted, "\(beside.released) of \(beside.accepted) tasks were given back")
    }

    @Test func `a function that gets more than its workers do is offered about as many as have places`() {
        var world = FlowWorld(controllers: 1)
        world.add("busy", duration: 1000, workers: 4)
        world.add("healthy", duration: 1000)
        world.start()
        world.submit("busy", 50, every: 10_000, dueIn: 0)
        world.submit("healthy", 1, every: 10_000, dueIn: 500_000)
        world.run(seconds: 2)
        world.run(seconds: 2)
        #expect(world.functions[FlowWorld.lane("busy")]!.started >= 7900)
        #expect(world.refused < world.accepted, "\(world.refused) refused, \(world.accepted) accepted")
        #expect(world.lateness("healthy", 0.99) < 2000)
    }
}
