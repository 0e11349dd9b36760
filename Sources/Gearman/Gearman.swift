// Gearman
