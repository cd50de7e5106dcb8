"""``python -m tacit`` is ``tacit``."""

if __name__ == "__main__":
    from .cli import main

    main()
