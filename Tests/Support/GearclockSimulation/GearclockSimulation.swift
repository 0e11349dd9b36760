// GearclockSimulation
