"""stub"""


def refused_step(bad):
    return None


def path_of(*a):
    return ()
