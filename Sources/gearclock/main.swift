print("gearclock")
