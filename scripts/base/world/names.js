/** Names from many places. None belongs to an authored character, whose facts must not be blurred. */
const list = (text) => text.trim().split(/\s+/);
export const feminine = list(`
  Ada Aiko Alba Alma Amara Amina Anahit Anouk Ansa Astrid Aurelia Ayla Beatriz Berit Bettina Birgit Brigid
  Bronwen Camila Carmen Chiara Clara Dagny Dalia Daria Delphine Dilara Dina Dorothea Edda Eira Elena Elif Elke
  Emeka Emilia Enid Esi Esther Etta Eulalia Fadila Fatima Femke Fiona Flora Freya Gabriela Galina Greta Gudrun
  Gwen Hana Hanneke Harriet Hedda Helga Hester Hilda Ida Ilse Imani Imogen Ingrid Iris Isla Ivana Jadwiga Jamila
  Johanna Jolanta Judith Juno Kaisa Karima Katya Kerstin Kirra Laila Lalita Leda Leila Lena Leonor Liesel Linnea
  Liv Lotta Lucia Ludmila Mabel Magda Maeve Maida Malika Manuela Mara Margit Marisol Marta Matilda Maud Meera
  Mei Mercy Milena Mina Mirela Moira Nadia Naomi Nasrin Nell Nerys Nina Noor Nora Olga Olivia Oona Paloma
  Paula Perpetua Petra Philippa Pilar Priya Rahel Ramona Rania Renata Rhoda Rina Rosa Rosalind Ruth Saba Sabine
  Sadie Sanna Saskia Selma Shirin Signe Sigrid Sima Siobhan Solveig Sonia Stella Sunita Suvi Svea Tabitha Tala
  Tamsin Tekla Teresa Thora Tilda Tova Ulla Una Ursula Vera Vesna Vida Wanda Wilma Winifred Xenia Yara Yelena
  Yuki Yvonne Zahra Zelda Zofia Zora`);
export const masculine = list(`
  Abel Abdul Adan Ahmed Akira Alban Aldo Amos Anders Andrei Angus Anton Arjun Arne Arvid Asher Axel Baldur
  Balthasar Baran Basil Bela Benedikt Bertil Bogdan Boris Bram Bruno Caspar Cato Cedric Ciaran Conrad Cosmo
  Cyril Dagur Damir Dario Demba Desmond Diego Dmitri Dougal Edgar Edmund Eero Egon Einar Elias Emil Emre Enzo
  Erik Esteban Evander Ezra Fabian Farid Felix Fergus Fidel Florian Franz Fritz Gareth Gaspard Georg Gideon
  Giles Goran Gregor Gustav Hakim Hamish Hamza Harald Hassan Hector Hendrik Henrik Hiroshi Horace Hugo Humphrey
  Ibrahim Idris Igor Ilja Isak Ivo Jakob Jamal Janos Jasper Jerome Joachim Joaquin Jonas Jorge Josef Jules
  Kadir Kamal Karel Kaspar Kenji Kofi Konrad Kwame Lars Laszlo Leander Lemuel Leon Levi Lorenz Lothar Luca
  Ludwig Magnus Malik Marek Marius Matteo Mattias Mikkel Milan Milo Mirko Moses Murdo Nadir Nico Nils Oleg
  Omar Orlando Oskar Osman Otto Owain Pablo Pascal Patrick Pavel Pedro Piet Rafael Ragnar Rainer Rajan Ramon
  Rashid Remy Renzo Rolf Roman Ruben Rufus Rupert Salim Samir Sandor Sergio Silas Simon Stefan Sven Takeshi
  Tariq Teodor Thaddeus Tibor Tobias Tomas Tormod Ulrich Umar Valentin Vasil Viktor Vincent Walter Wendell
  Werner Wilfred Xavier Yakov Yannis Yusuf Zeno`);
export const surnames = list(`
  Abara Achterberg Adeyemi Alder Almeida Ambrose Andersson Aoki Arkwright Ashby Aydin Baker-Lund Banerjee
  Barnaby Barrow Bassi Bekele Bellamy Bergman Birch Blackwood Bloom Boateng Borg Brandt Brook Caldwell Campos
  Cardoso Carver Castellan Chandra Cole Corbett Costa Crane Dahl Dara Delgado Demir Diallo Dobrev Drummond
  Duarte Eklund Ellery Engel Eriksen Fairweather Farrow Faulkner Ferreira Finch Fisk Fofana Forsberg Foxglove
  Frost Galanis Garrick Ghosh Glass Greenwood Grieg Gupta Haas Hale Halloran Hartmann Haruki Hawthorn Heller
  Herrera Hobbs Holloway Horvat Ibsen Imamura Iqbal Jansen Jarvis Juarez Kaplan Karlsson Kaya Keita Kestrel
  Khan Kimura Kovacs Kramer Kuznetsov Lark Larkin Laurent Lindqvist Locke Lombardi Lund Maas Mackay Madaki Maguire
  Marlow Mbeki Meadows Mendes Mercer Mistry Moreau Mori Munro Nagy Nakamura Nasser Navarro Ndiaye Nightingale
  Nilsen Novak Oakley Obi Okafor Olsen Osei Ostrow Paget Palmer Papadakis Park Patel Peregrine Petrov Pike Pinto
  Quist Rahman Ramos Reed Rhys Ridley Rivera Rook Rossi Rowan Ruiz Saarinen Salazar Sandoval Santos Sato
  Schmidt Sethi Silva Singer Skov Sorensen Sparrow Stone Strand Suzuki Swann Szabo Tahir Takeda Tanaka Teague
  Thorne Toledano Torres Traore Underhill Vance Varga Vasquez Vega Velasco Vogel Wainwright Walsh Weaver Weber
  Wells Whitlock Wilde Winter Wolfe Wren Yamada Yates Yilmaz Zapata Zielinski`);
export const epithets = [
    'of the Marsh',
    'of Oakhill',
    'of the Long Bridge',
    'the Younger',
    'the Elder',
    'the Quiet',
    'the Tall',
    'of Saltford',
    'of the Seven Wells',
    'the Red',
    'of Greyfield',
    'of the Ferry',
    'the Left-Handed',
    'of Ravenscar',
    'of the High Pass',
    'the Patient',
    'of Millbrook',
    'the Lame',
    'of Wintermoor',
    'of the Orchard',
];
//# sourceMappingURL=names.js.map