#include "model/import/import.h"

namespace occam {

std::string_view CalibrationText() {
  return R"(Once upon a time, there was a little girl named Anna. She lived in a small house near a big green wood. Every morning she went to the garden with her dog, Max. They liked to run and to play with a red ball.

One day, Anna saw a small bird on the grass. The bird was sad. "What is wrong?" asked Anna. "I cannot fly," said the bird. "My wing hurts." Anna wanted to help. She took the bird in her hands and went to her mom. "Mom, can we help the bird?" she asked. Her mom smiled and said, "Yes, we can. Let us make it a warm bed."

They put the bird in a box with soft leaves. Every day Anna gave it water and some bread. Max sat next to the box and looked at it. He was very good and did not bark. After a week, the bird was happy again. It sang a song, and then it flew up to the sky. Anna waved her hand. "Goodbye, little friend!" she said.

The next day, the bird came back with a shiny stone. It put the stone on the table and sang. Anna was so happy that she jumped up and down. From that day on, they were best friends, and they played together all summer.

Tom and his brother Ben were in the kitchen. They wanted to bake a cake for their grandma. "We need eggs, milk and sugar," said Tom. Ben took a big bowl. He was not careful, and the bowl fell. It made a loud noise! Their dad came in. "What did you do?" he asked. "We are sorry," said the boys. "We wanted to make a cake." Dad was not angry. He helped them to clean the floor, and then they baked the cake together. It was very good. Grandma ate three pieces and gave them a big hug.

A river begins in the mountains, where rain and snow make small streams. The streams meet, and the water grows. It carries sand and stones, and it has cut deep valleys in 10,000 years. Near the sea the land is flat, so the river is slow and wide; farmers grow rice and wheat there. In 1873 a bridge of iron was built across it, 412 metres long.

Lily did not like the dark. At night she asked for a light. Her big sister said, "Look out of the window. The moon is your light." Lily looked. The moon was round and bright, and she could see the trees, the pond and a cat that walked on the wall. "The dark is not so bad," said Lily. She closed her eyes and slept well.
)";
}

}  // namespace occam
