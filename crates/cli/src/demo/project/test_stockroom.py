import unittest

from stockroom import parse_line, reorder_list, total_value


class StockroomTest(unittest.TestCase):
    def test_total_value(self):
        items = [{"quantity": 3, "price_cents": 250}, {"quantity": 1, "price_cents": 99}]
        self.assertEqual(total_value(items), 849)

    def test_an_item_at_its_reorder_level_is_listed(self):
        items = [{"name": "nut", "quantity": 10, "reorder_level": 10}]
        self.assertEqual(reorder_list(items), ["nut"])

    def test_the_smallest_share_comes_first(self):
        items = [
            {"name": "bolt", "quantity": 5, "reorder_level": 10},
            {"name": "washer", "quantity": 20, "reorder_level": 100},
        ]
        self.assertEqual(reorder_list(items), ["washer", "bolt"])

    def test_prices_are_exact(self):
        self.assertEqual(parse_line("bolt;40;0.29")["price_cents"], 29)


if __name__ == "__main__":
    unittest.main()
