"""x"""
def transitions(frame):
    return []
